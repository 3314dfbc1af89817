/*
 * rounds: times whole commands in turn, round by round, and prints a table.
 *
 *   rounds [-n ROUNDS] [-b BEFORE] NAME[,LINES[,MAX]]=COMMAND...
 *
 * Each COMMAND runs by `sh -c`; what it prints is read from a pipe and thrown away. BEFORE
 * runs untimed before each of them. One round more than asked for comes first and does not
 * count, but for a command with MAX: that is run MAX times in all. The first command is the
 * yardstick: ratios are medians of the ratios to it in the same round. CPU is user and
 * system together; the peak is that of the largest process.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_COMMANDS = 32, MAX_ROUNDS = 100 };

struct command {
	const char *name, *text;
	double lines;
	int max; /* 0: as many rounds as all */
	int n;   /* rounds measured */
	double wall_s[MAX_ROUNDS], cpu_s[MAX_ROUNDS], ratio[MAX_ROUNDS], peak_mib;
	bool failed;
};

static double
now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double
seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(const double *values, int n)
{
	double sorted[MAX_ROUNDS];

	if (n == 0)
		return 0;
	memcpy(sorted, values, sizeof *sorted * (size_t)n);
	qsort(sorted, (size_t)n, sizeof *sorted, compare);
	return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* vfork: a forked copy of us would count into the child's peak. */
static pid_t
start(const char *text, int out)
{
	pid_t pid = vfork();

	if (pid != 0)
		return pid;
	(void)dup2(out, STDOUT_FILENO);
	(void)dup2(out, STDERR_FILENO);
	(void)execl("/bin/sh", "sh", "-c", text, (char *)NULL);
	_exit(127);
}

static void
run_once(struct command *c, double *wall_s, double *cpu_s)
{
	static char sink[1 << 16];
	struct rusage used;
	int out[2], status;

	if (pipe(out) != 0) {
		perror("pipe");
		exit(1);
	}
	double began = now_s();
	pid_t pid = start(c->text, out[1]);

	(void)close(out[1]);
	while (read(out[0], sink, sizeof sink) > 0)
		;
	(void)close(out[0]);
	if (pid < 0 || wait4(pid, &status, 0, &used) < 0) {
		perror("start a command");
		exit(1);
	}
	*wall_s = now_s() - began;
	*cpu_s = seconds(used.ru_utime) + seconds(used.ru_stime);
	double mib = (double)used.ru_maxrss / 1024;

	c->peak_mib = mib > c->peak_mib ? mib : c->peak_mib;
	c->failed |= !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static void
measure(struct command *all, int n, int round, const char *before)
{
	double first_s = 0;

	for (int i = 0; i < n; i++) {
		struct command *c = &all[i];
		double wall_s, cpu_s;

		if (c->max > 0 && (round < 0 || round >= c->max))
			continue;
		if (before != NULL && system(before) != 0)
			fprintf(stderr, "failed: %s\n", before);
		run_once(c, &wall_s, &cpu_s);
		first_s = i == 0 ? wall_s : first_s;
		if (round < 0)
			continue;
		c->wall_s[c->n] = wall_s;
		c->cpu_s[c->n] = cpu_s;
		c->ratio[c->n++] = wall_s / first_s;
	}
}

static void
print(const struct command *c)
{
	double wall_s = median(c->wall_s, c->n);

	printf("%-30s %9.4f %8.2f ", c->name, wall_s, median(c->ratio, c->n));
	if (c->lines > 0)
		printf("%12.0f", c->lines / wall_s);
	else
		printf("%12s", "-");
	printf(" %9.4f %9.1f%s\n", median(c->cpu_s, c->n), c->peak_mib,
	    c->failed ? "  FAILED" : "");
}

/* NAME[,LINES[,MAX]]=COMMAND, taken apart in place. */
static bool
read_command(char *word, struct command *c)
{
	char *equals = strchr(word, '=');

	if (equals == NULL)
		return false;
	*equals = '\0';
	c->text = equals + 1;
	c->name = strsep(&word, ",");
	c->lines = word == NULL ? 0 : atof(strsep(&word, ","));
	c->max = word == NULL ? 0 : atoi(word);
	return true;
}

int
main(int argc, char **argv)
{
	static struct command all[MAX_COMMANDS];
	const char *before = NULL;
	int rounds = 5, n = 0, option;

	while ((option = getopt(argc, argv, "n:b:")) != -1) {
		switch (option) {
		case 'n': rounds = atoi(optarg); break;
		case 'b': before = optarg; break;
		default: return 2;
		}
	}
	for (; optind < argc && n < MAX_COMMANDS; optind++)
		if (!read_command(argv[optind], &all[n++]))
			return 2;
	if (n == 0 || rounds < 1 || rounds > MAX_ROUNDS)
		return 2;
	for (int round = -1; round < rounds; round++)
		measure(all, n, round, before);
	printf("%-30s %9s %8s %12s %9s %9s\n", "", "wall s", "x first", "lines/s", "cpu s",
	    "MiB");
	for (int i = 0; i < n; i++)
		print(&all[i]);
	return 0;
}
