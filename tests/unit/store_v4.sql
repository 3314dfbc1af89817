-- A store as version 4 of the schema wrote it: never change this file.
PRAGMA application_id = 1836544622;
PRAGMA user_version = 4;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE slot (number INTEGER PRIMARY KEY, key INTEGER NOT NULL, at INTEGER NOT NULL, provider TEXT NOT NULL);
CREATE TABLE cursor (source TEXT PRIMARY KEY, cursor TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE message (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, queue INTEGER NOT NULL, host INTEGER NOT NULL, mta INTEGER NOT NULL, queue_id TEXT NOT NULL, size INTEGER, recipients INTEGER, sender TEXT, message_id TEXT, sasl_user TEXT, client_name TEXT, client_ip TEXT, origin INTEGER, related TEXT, related_queue INTEGER, instance INTEGER);
CREATE INDEX message_queue ON message (queue);
CREATE TABLE attempt (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, queue INTEGER, host INTEGER NOT NULL, mta INTEGER NOT NULL, direction INTEGER NOT NULL, outcome INTEGER NOT NULL, provider INTEGER NOT NULL, queue_id TEXT, recipient TEXT, relay_name TEXT, relay_ip TEXT, smtp_code INTEGER, status TEXT, category INTEGER, code_id INTEGER, suspected INTEGER, delay INTEGER, reply TEXT, related TEXT);
CREATE INDEX attempt_queue ON attempt (queue);
CREATE TABLE event (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind INTEGER NOT NULL, host INTEGER NOT NULL, provider INTEGER NOT NULL, outcome INTEGER NOT NULL, category INTEGER NOT NULL, code_id INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE rollup (hour INTEGER, host INTEGER, mta INTEGER, kind INTEGER, direction INTEGER, provider INTEGER, outcome INTEGER, category INTEGER, count INTEGER NOT NULL, PRIMARY KEY (hour, host, mta, kind, direction, provider, outcome, category)) WITHOUT ROWID;
CREATE TABLE incident (id TEXT PRIMARY KEY, rule TEXT NOT NULL, severity INTEGER NOT NULL, state INTEGER NOT NULL, fields TEXT NOT NULL, host TEXT NOT NULL, provider TEXT NOT NULL, code_id TEXT NOT NULL, category TEXT NOT NULL, opened INTEGER NOT NULL, last_seen INTEGER NOT NULL, resolved INTEGER NOT NULL, told INTEGER NOT NULL, count INTEGER NOT NULL, streak INTEGER NOT NULL, summary TEXT NOT NULL, advice TEXT NOT NULL, url TEXT NOT NULL, affected TEXT NOT NULL, samples TEXT NOT NULL, seen TEXT NOT NULL, trouble TEXT NOT NULL DEFAULT '', relapses INTEGER NOT NULL DEFAULT 0, noticed INTEGER NOT NULL DEFAULT 0, lag INTEGER NOT NULL DEFAULT 0, senders TEXT NOT NULL DEFAULT '', recipients TEXT NOT NULL DEFAULT '');
CREATE INDEX incident_state ON incident (state, resolved);
CREATE INDEX incident_seen ON incident (last_seen);
CREATE TABLE outbox (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, incident TEXT NOT NULL, notice INTEGER NOT NULL, created INTEGER NOT NULL, due INTEGER NOT NULL, tries INTEGER NOT NULL, last_error TEXT NOT NULL, sent INTEGER);
CREATE INDEX outbox_due ON outbox (due) WHERE sent IS NULL;
CREATE TABLE ledger (source TEXT, hour INTEGER, lines INTEGER NOT NULL, events INTEGER NOT NULL, ignored INTEGER NOT NULL, unparsed INTEGER NOT NULL, truncated INTEGER NOT NULL, gaps INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (source, hour)) WITHOUT ROWID;
CREATE TABLE gap (id INTEGER PRIMARY KEY, source TEXT NOT NULL, at INTEGER NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL);
CREATE TABLE series (id INTEGER PRIMARY KEY, rule TEXT NOT NULL, fields TEXT NOT NULL, mark INTEGER NOT NULL);
CREATE TABLE series_body (series INTEGER PRIMARY KEY, touched INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE series_count (series INTEGER, at INTEGER, hits INTEGER NOT NULL, total INTEGER NOT NULL, peak INTEGER NOT NULL, squares INTEGER NOT NULL, PRIMARY KEY (series, at)) WITHOUT ROWID;
CREATE TABLE change (id INTEGER PRIMARY KEY, incident TEXT NOT NULL, at INTEGER NOT NULL, notice INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX change_incident ON change (incident);
CREATE TABLE ack (incident TEXT PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE silence (id INTEGER PRIMARY KEY, match TEXT NOT NULL, reason TEXT NOT NULL, who TEXT NOT NULL, created INTEGER NOT NULL, until INTEGER NOT NULL);
CREATE INDEX event_time ON event (time);
CREATE INDEX message_related ON message (related_queue) WHERE related_queue IS NOT NULL;
CREATE TABLE delivery (id INTEGER PRIMARY KEY, notice INTEGER NOT NULL, channel TEXT NOT NULL, rank INTEGER NOT NULL, due INTEGER, tries INTEGER NOT NULL DEFAULT 0, last_error TEXT NOT NULL DEFAULT '', message TEXT NOT NULL DEFAULT '', trying INTEGER NOT NULL DEFAULT 0, sent INTEGER, queue_id TEXT NOT NULL DEFAULT '', fate INTEGER NOT NULL DEFAULT 0, fate_at INTEGER, UNIQUE (notice, channel));
CREATE INDEX delivery_due ON delivery (channel, due) WHERE sent IS NULL AND due IS NOT NULL;
CREATE INDEX delivery_sent ON delivery (channel, sent) WHERE sent IS NOT NULL;
CREATE INDEX delivery_message ON delivery (message) WHERE message <> '';
CREATE INDEX delivery_queue ON delivery (queue_id) WHERE queue_id <> '';
CREATE TRIGGER delivery_gone AFTER DELETE ON outbox BEGIN DELETE FROM delivery WHERE notice = old.seq; END;
CREATE INDEX outbox_incident ON outbox (incident);
CREATE TABLE channel (name TEXT PRIMARY KEY, kind TEXT NOT NULL, failing_since INTEGER NOT NULL, tries INTEGER NOT NULL, login INTEGER NOT NULL, last_error TEXT NOT NULL, last_sent INTEGER NOT NULL) WITHOUT ROWID;

INSERT INTO meta VALUES ('k', 'v');
INSERT INTO slot VALUES (7, 42, 1700000000, 'google');
INSERT INTO cursor VALUES ('file:/var/log/mail.log', 'inode=1 offset=99', 1700000000000000);
CREATE TABLE report (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at INTEGER NOT NULL);
CREATE TABLE report_count (hour INTEGER, kind INTEGER, domain TEXT, reporter TEXT, source TEXT, ours INTEGER, result TEXT, count INTEGER NOT NULL, PRIMARY KEY (hour, kind, domain, reporter, source, ours, result)) WITHOUT ROWID;
INSERT INTO word VALUES (1, 'mx1'), (2, 'postfix'), (3, 'google'),
 (4, 'rate-limited'), (5, 'dovecot');
INSERT INTO message (id, time, queue, host, mta, queue_id, size, recipients, sender,
  message_id, sasl_user, client_name, client_ip) VALUES (5, 1800000000000000,
  2147483648000001, 1, 2, '4bXkWz', 1234, 2,
 'ann@example.org', '1@example.org', NULL, 'client.example', '192.0.2.7');
INSERT INTO attempt (id, time, queue, host, mta, direction, outcome, provider, queue_id,
  recipient, relay_name, relay_ip, smtp_code, status, category, code_id, suspected, delay,
  reply) VALUES (9, 1800000001000000, 2147483648000001, 1, 2, 2, 1, 3, '4bXkWz',
 'bob@example.com', 'mx.example.com', '198.51.100.3', 250, '2.0.0', NULL, NULL, NULL,
 1500000, NULL);
INSERT INTO event VALUES (3, 1800000002000000, 4, 1, 0, 5, 0, 0,
 '{"time":"2027-01-15T08:00:02.000000+00:00","host":"mx1","kind":"reject"}');
INSERT INTO rollup VALUES (1800000000, 1, 2, 3, 2, 3, 1, 0, 17),
 (1800003600, 1, 2, 3, 2, 3, 2, 4, 5), (1800003600, 2, 2, 3, 2, 3, 2, 4, 1),
 (1800003600, 1, 2, 6, 0, 0, 4, 0, 2), (1800003600, 1, 2, 3, 3, 0, 3, 0, 7),
 (1800003600, 1, 2, 3, 4, 0, 1, 0, 9), (1800003600, 1, 2, 6, 4, 0, 4, 0, 1),
 (1800003600, 1, 2, 4, 1, 0, 2, 4, 3), (1800086400, 1, 5, 10, 0, 0, 0, 0, 2),
 (1800086400, 1, 5, 5, 3, 0, 1, 0, 4), (1800086400, 1, 2, 2, 1, 0, 0, 0, 6);
INSERT INTO incident (id, rule, severity, state, fields, host, provider, code_id,
  category, opened, last_seen, resolved, told, count, streak, summary, advice, url,
  affected, samples, seen) VALUES ('0123456789ab', 'provider-blocklisted', 3, 1,
 '{"host":"mx1","provider":"google"}', 'mx1', 'google', 'c1', 'ip-blocklisted',
 1800000000000000, 1800000003000000, 0, 1800000000000000, 6, 2, 'summary', 'advice', 'url',
 'mx.example.com', 'a line', 'seen');
INSERT INTO outbox VALUES
 (1, '0123456789ab.opened.1', '0123456789ab', 1, 1800000000000000, 1800000000000000, 2,
  'timeout', NULL),
 (2, '0123456789ab.escalated.2', '0123456789ab', 2, 1800000000000000, 1800000000000000, 1,
  '', 1800000009000000);
INSERT INTO ledger VALUES ('file:/var/log/mail.log', 1800000000, 10, 8, 1, 1, 0, 0, 999);
INSERT INTO gap VALUES (1, 'file:/var/log/mail.log', 1800000000000000, 'truncated', 'd');
INSERT INTO meta VALUES ('identity', '0123abcd');
INSERT INTO change VALUES (1, '0123456789ab', 1800000000000000, 1, '{}');
INSERT INTO ack VALUES ('0123456789ab', 1800000004000000, 'ann', 'on it');
INSERT INTO silence VALUES (1, 'rule=provider-blocklisted', 'known', 'ann', 1800000005000000,
 1800003600000000);
INSERT INTO series VALUES (4, 'rule', '{}', 7);
INSERT INTO series_body VALUES (4, 1800000000, 'body');
INSERT INTO series_count VALUES (4, 1800000000, 3, 4, 2, 5);
INSERT INTO delivery (id, notice, channel, rank, due, tries, last_error, message, trying, sent,
  queue_id, fate, fate_at) VALUES (1, 2, 'relay', 0, NULL, 1, '', '0123456789ab.escalated.2', 0,
  1800000009000000, '4bXkWz', 1, 1800000010000000);
INSERT INTO channel VALUES ('relay', 'relay', 0, 0, 0, '', 1800000009000000);
INSERT INTO report VALUES (1, '77aa-1', 1800000000000000);
INSERT INTO report_count VALUES (1800000000, 14, 'example.org', 'example.net', '', 2, 'abuse', 1);
