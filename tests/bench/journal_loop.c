/*
 * journal_loop: how fast libsystemd alone walks journals, as a yardstick for ours.
 *
 *   journal_loop MODE FILE...
 *
 *   next  sd_journal_next and the entry's time, no field
 *   get   also MESSAGE, SYSLOG_IDENTIFIER and _PID by sd_journal_get_data
 *   all   also every field by sd_journal_enumerate_data
 */
#include <stdio.h>
#include <string.h>
#include <systemd/sd-journal.h>

static const char *const fields[] = { "MESSAGE", "SYSLOG_IDENTIFIER", "_PID", NULL };

static size_t
read_named(sd_journal *journal)
{
	const void *data;
	size_t n, bytes = 0;

	for (size_t i = 0; fields[i] != NULL; i++)
		if (sd_journal_get_data(journal, fields[i], &data, &n) >= 0)
			bytes += n;
	return bytes;
}

static size_t
read_all(sd_journal *journal)
{
	const void *data;
	size_t n, bytes = 0;

	sd_journal_restart_data(journal);
	while (sd_journal_enumerate_data(journal, &data, &n) > 0)
		bytes += n;
	return bytes;
}

int
main(int argc, char **argv)
{
	sd_journal *journal;
	unsigned long long entries = 0, bytes = 0;
	uint64_t at_us;

	if (argc < 3)
		return 2;
	int r = sd_journal_open_files(&journal, (const char **)argv + 2, 0);

	if (r < 0) {
		fprintf(stderr, "open %s: %s\n", argv[2], strerror(-r));
		return 1;
	}
	(void)sd_journal_set_data_threshold(journal, 0);
	(void)sd_journal_seek_head(journal);
	while (sd_journal_next(journal) > 0) {
		entries++;
		if (sd_journal_get_realtime_usec(journal, &at_us) < 0)
			continue;
		if (strcmp(argv[1], "get") == 0)
			bytes += read_named(journal);
		else if (strcmp(argv[1], "all") == 0)
			bytes += read_all(journal);
	}
	printf("%llu entries, %llu bytes\n", entries, bytes);
	sd_journal_close(journal);
	return 0;
}
