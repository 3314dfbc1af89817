#include "parsers/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

enum slot_state {
	SLOT_FREE,
	SLOT_FILLED, /* waits for a worker */
	SLOT_BUSY,
	SLOT_DONE, /* waits for its turn */
};

struct pool_slot {
	enum slot_state state;
	void *data;
};

struct pool {
	const struct pool_job *job;
	pthread_mutex_t lock; /* guards states, next_work and stop */
	pthread_cond_t work_ready, work_done;
	struct pool_slot *slots; /* a ring: filled, worked on and taken in this order */
	size_t nslots;
	size_t next_work; /* the slot that the next free worker takes */
	bool stop;
};

struct worker {
	struct pool *pool;
	size_t number;
	pthread_t thread;
};

size_t
pool_default_workers(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (cores < 2)
		return 0;
	return cores > POOL_MAX_WORKERS ? POOL_MAX_WORKERS : (size_t)cores;
}

static void *
work_loop(void *arg)
{
	struct worker *w = arg;
	struct pool *pool = w->pool;

	(void)pthread_mutex_lock(&pool->lock);
	for (;;) {
		struct pool_slot *slot = &pool->slots[pool->next_work];

		if (slot->state != SLOT_FILLED) {
			if (pool->stop)
				break;
			(void)pthread_cond_wait(&pool->work_ready, &pool->lock);
			continue;
		}
		slot->state = SLOT_BUSY;
		pool->next_work = (pool->next_work + 1) % pool->nslots;
		(void)pthread_mutex_unlock(&pool->lock);
		pool->job->work(pool->job->ctx, w->number, slot->data);
		(void)pthread_mutex_lock(&pool->lock);
		slot->state = SLOT_DONE;
		(void)pthread_cond_signal(&pool->work_done);
	}
	(void)pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static void
wait_done(struct pool *pool, struct pool_slot *slot)
{
	(void)pthread_mutex_lock(&pool->lock);
	while (slot->state != SLOT_DONE)
		(void)pthread_cond_wait(&pool->work_done, &pool->lock);
	(void)pthread_mutex_unlock(&pool->lock);
}

/* Fills ahead as far as there are free slots, then takes the oldest; until both end. */
static int
feed(struct pool *pool)
{
	const struct pool_job *job = pool->job;
	size_t filled = 0, taken = 0;
	int r = 1, failed = 0; /* of fill(), of take() */

	for (;;) {
		while (r > 0 && failed == 0 && filled - taken < pool->nslots) {
			struct pool_slot *slot = &pool->slots[filled % pool->nslots];

			r = job->fill(job->ctx, slot->data);
			if (r <= 0)
				break;
			(void)pthread_mutex_lock(&pool->lock);
			slot->state = SLOT_FILLED;
			(void)pthread_cond_signal(&pool->work_ready);
			(void)pthread_mutex_unlock(&pool->lock);
			filled++;
		}
		if (taken == filled)
			return failed < 0 ? failed : r;
		struct pool_slot *oldest = &pool->slots[taken % pool->nslots];

		wait_done(pool, oldest);
		taken++;
		/* What came before an input that failed is taken all the same. */
		if (failed == 0) {
			int t = job->take(job->ctx, oldest->data);

			failed = t < 0 ? t : 0;
		}
		(void)pthread_mutex_lock(&pool->lock); /* an idle worker may look at it */
		oldest->state = SLOT_FREE;
		(void)pthread_mutex_unlock(&pool->lock);
	}
}

static int
run_inline(const struct pool_job *job)
{
	void *slot = job->slot_new(job->ctx);
	int r;

	if (slot == NULL)
		return -ENOMEM;
	while ((r = job->fill(job->ctx, slot)) > 0) {
		job->work(job->ctx, 0, slot);
		if ((r = job->take(job->ctx, slot)) < 0)
			break;
	}
	job->slot_free(job->ctx, slot);
	return r;
}

static int
make_slots(struct pool *pool)
{
	pool->slots = calloc(pool->nslots, sizeof *pool->slots);
	if (pool->slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < pool->nslots; i++) {
		pool->slots[i].data = pool->job->slot_new(pool->job->ctx);
		if (pool->slots[i].data == NULL)
			return -ENOMEM;
	}
	return 0;
}

static void
free_slots(struct pool *pool)
{
	for (size_t i = 0; pool->slots != NULL && i < pool->nslots; i++)
		if (pool->slots[i].data != NULL)
			pool->job->slot_free(pool->job->ctx, pool->slots[i].data);
	free(pool->slots);
}

int
pool_run(size_t workers, const struct pool_job *job)
{
	struct pool pool = { .job = job };
	struct worker threads[POOL_MAX_WORKERS];
	size_t started = 0;

	if (workers == 0)
		return run_inline(job);
	if (workers > POOL_MAX_WORKERS)
		workers = POOL_MAX_WORKERS;
	pool.nslots = workers * POOL_SLOTS_PER_WORKER;
	(void)pthread_mutex_init(&pool.lock, NULL);
	(void)pthread_cond_init(&pool.work_ready, NULL);
	(void)pthread_cond_init(&pool.work_done, NULL);
	int r = make_slots(&pool);

	for (; r == 0 && started < workers; started++) {
		threads[started] = (struct worker){ .pool = &pool, .number = started };
		r = -pthread_create(&threads[started].thread, NULL, work_loop,
		    &threads[started]);
		if (r < 0)
			break;
	}
	if (r == 0)
		r = feed(&pool);
	(void)pthread_mutex_lock(&pool.lock);
	pool.stop = true;
	(void)pthread_cond_broadcast(&pool.work_ready);
	(void)pthread_mutex_unlock(&pool.lock);
	for (size_t i = 0; i < started; i++)
		(void)pthread_join(threads[i].thread, NULL);
	free_slots(&pool);
	(void)pthread_cond_destroy(&pool.work_done);
	(void)pthread_cond_destroy(&pool.work_ready);
	(void)pthread_mutex_destroy(&pool.lock);
	return r;
}
