#include "cli/ingest_cell.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <iconv.h>
#include <openssl/evp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "ingest/message.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_SANITIZER 1
#endif
#endif
#ifndef WITH_SANITIZER
#define WITH_SANITIZER 0
#endif

enum { OUT_FD = 3, NOBODY = 65534 };

/* As they occur in mail; each is a shared object that iconv_open() loads, and that stays
 * while its converter is open. UTF-8, UTF-16 and ASCII need none. */
static const char *const charsets[] = { "ISO-8859-1", "ISO-8859-2", "ISO-8859-3",
	"ISO-8859-4", "ISO-8859-5", "ISO-8859-6", "ISO-8859-7", "ISO-8859-8", "ISO-8859-9",
	"ISO-8859-10", "ISO-8859-13", "ISO-8859-14", "ISO-8859-15", "ISO-8859-16",
	"WINDOWS-1250", "WINDOWS-1251", "WINDOWS-1252", "WINDOWS-1253", "WINDOWS-1254",
	"WINDOWS-1255", "WINDOWS-1256", "WINDOWS-1257", "WINDOWS-1258", "WINDOWS-874",
	"KOI8-R", "KOI8-U", "IBM437", "IBM850", "IBM852", "IBM866", "TIS-620", "MACINTOSH",
	"ISO-2022-JP", "SHIFT_JIS", "CP932", "EUC-JP", "GB2312", "GBK", "GB18030", "HZ",
	"ISO-2022-CN", "BIG5", "BIG5-HKSCS", "EUC-TW", "EUC-KR", "CP949", "ISO-2022-KR",
	"UTF-7", "UTF-16", "UTF-32" };

enum { CHARSETS = sizeof charsets / sizeof *charsets };

struct cell {
	scmp_filter_ctx filter;
	iconv_t from[CHARSETS], to[CHARSETS];
};

static const int allowed[] = {
	/* the answer, and looking at what is open */
	SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(read), SCMP_SYS(close), SCMP_SYS(fstat),
	SCMP_SYS(lseek),
	/* memory; mmap and mprotect are allowed below, without execution */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	SCMP_SYS(futex), SCMP_SYS(sched_yield),
	/* time and random numbers, for hash tables */
	SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time),
	SCMP_SYS(getrandom),
	/* who am I: glib and the C library ask before they abort */
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
	SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getrusage), SCMP_SYS(sysinfo),
	/* the end; abort() may not signal, and dies all the same */
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack), SCMP_SYS(exit), SCMP_SYS(exit_group)
};

static int
allow_memory(scmp_filter_ctx filter)
{
	/* PROT_EXEC is 4. */
	int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
	    SCMP_A2(SCMP_CMP_MASKED_EQ, 4, 0));

	return r < 0 ? r
		     : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
			   SCMP_A2(SCMP_CMP_MASKED_EQ, 4, 0));
}

static scmp_filter_ctx
make_filter(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = filter == NULL ? -ENOMEM : 0;

	for (size_t i = 0; r == 0 && i < sizeof allowed / sizeof *allowed; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	if (r == 0)
		r = allow_memory(filter);
	if (r == 0)
		return filter;
	if (filter != NULL)
		seccomp_release(filter);
	return NULL;
}

/* What is not there costs a message its umlauts at most. */
static void
load_converters(struct cell *cell)
{
	for (size_t i = 0; i < CHARSETS; i++) {
		cell->from[i] = iconv_open("UTF-8", charsets[i]);
		cell->to[i] = iconv_open(charsets[i], "UTF-8");
	}
}

static void
load_hashes(void)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n;

	(void)EVP_Digest("", 0, sum, &n, EVP_sha256(), NULL);
}

struct cell *
cell_new(void)
{
	struct cell *cell = calloc(1, sizeof *cell);

	if (cell == NULL)
		return NULL;
	load_converters(cell);
	load_hashes();
	tzset();
	cell->filter = WITH_SANITIZER ? NULL : make_filter();
	if (cell->filter == NULL && !WITH_SANITIZER) {
		cell_free(cell);
		return NULL;
	}
	return cell;
}

void
cell_free(struct cell *cell)
{
	if (cell == NULL)
		return;
	for (size_t i = 0; i < CHARSETS; i++) {
		if (cell->from[i] != (iconv_t)-1)
			(void)iconv_close(cell->from[i]);
		if (cell->to[i] != (iconv_t)-1)
			(void)iconv_close(cell->to[i]);
	}
	if (cell->filter != NULL)
		seccomp_release(cell->filter);
	free(cell);
}

static bool
limit(__rlimit_resource_t what, rlim_t soft, rlim_t hard)
{
	const struct rlimit set = { soft, hard };

	return setrlimit(what, &set) == 0;
}

static bool
set_limits(void)
{
	bool fine = limit(RLIMIT_CORE, 0, 0) && limit(RLIMIT_FSIZE, 0, 0) &&
		    limit(RLIMIT_CPU, REPORT_SECONDS, REPORT_SECONDS + 1);

	if (WITH_SANITIZER)
		return fine;
	return fine && limit(RLIMIT_AS, REPORT_MEMORY_BYTES, REPORT_MEMORY_BYTES) &&
	       limit(RLIMIT_NOFILE, 0, 0) && limit(RLIMIT_NPROC, 0, 0);
}

/* Standard output and error go nowhere: what libraries print is a stranger's text. */
static bool
close_files(int *fd)
{
	int answer = fcntl(*fd, F_DUPFD_CLOEXEC, OUT_FD + 2);
	int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (nowhere < 0 || answer < 0)
		return false;
	for (int i = 0; i < OUT_FD; i++)
		if ((!WITH_SANITIZER || i != STDERR_FILENO) && dup2(nowhere, i) < 0)
			return false;
	*fd = OUT_FD;
	return dup2(answer, OUT_FD) == OUT_FD && close_range(OUT_FD + 1, ~0U, 0) == 0;
}

/* Root's rights are of no use to a reader. Where there is no such user (a container with
 * few) the filter has to do. */
static void
leave_root(void)
{
	if (geteuid() != 0)
		return;
	(void)setgroups(0, NULL);
	if (setresgid(NOBODY, NOBODY, NOBODY) == 0)
		(void)!setresuid(NOBODY, NOBODY, NOBODY);
}

bool
cell_enter(struct cell *cell, int *fd)
{
	const pid_t parent = getppid();
	sigset_t blocked;

	/* Who ends a service tells all its processes: the message is read to its end, and
	 * the parent decides. */
	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGTERM);
	(void)sigaddset(&blocked, SIGINT);
	(void)sigaddset(&blocked, SIGHUP);
	(void)sigprocmask(SIG_SETMASK, &blocked, NULL);
	if (!close_files(fd))
		return false;
	leave_root();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent ||
	    prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    !set_limits())
		return false;
	return WITH_SANITIZER || seccomp_load(cell->filter) == 0;
}
