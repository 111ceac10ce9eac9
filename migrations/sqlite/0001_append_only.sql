-- What has been booked stays booked: the database itself refuses changes and deletions, whoever asks.
CREATE TRIGGER `transfers_no_update` BEFORE UPDATE ON `transfers`
BEGIN
	SELECT RAISE(ABORT, 'append_only: a transfer is never changed or deleted; reverse it instead');
END;
--> statement-breakpoint
CREATE TRIGGER `transfers_no_delete` BEFORE DELETE ON `transfers`
BEGIN
	SELECT RAISE(ABORT, 'append_only: a transfer is never changed or deleted; reverse it instead');
END;
--> statement-breakpoint
CREATE TRIGGER `entries_no_update` BEFORE UPDATE ON `entries`
BEGIN
	SELECT RAISE(ABORT, 'append_only: an entry is never changed or deleted; reverse its transfer instead');
END;
--> statement-breakpoint
CREATE TRIGGER `entries_no_delete` BEFORE DELETE ON `entries`
BEGIN
	SELECT RAISE(ABORT, 'append_only: an entry is never changed or deleted; reverse its transfer instead');
END;
--> statement-breakpoint
CREATE TRIGGER `entry_marks_no_update` BEFORE UPDATE ON `entry_marks`
BEGIN
	SELECT RAISE(ABORT, 'append_only: a mark is never changed or deleted');
END;
--> statement-breakpoint
CREATE TRIGGER `entry_marks_no_delete` BEFORE DELETE ON `entry_marks`
BEGIN
	SELECT RAISE(ABORT, 'append_only: a mark is never changed or deleted');
END;
--> statement-breakpoint
CREATE TRIGGER `audit_log_no_update` BEFORE UPDATE ON `audit_log`
BEGIN
	SELECT RAISE(ABORT, 'append_only: the audit log is append only');
END;
--> statement-breakpoint
CREATE TRIGGER `audit_log_no_delete` BEFORE DELETE ON `audit_log`
BEGIN
	SELECT RAISE(ABORT, 'append_only: the audit log is append only');
END;
--> statement-breakpoint
CREATE TRIGGER `accounts_no_delete` BEFORE DELETE ON `accounts`
BEGIN
	SELECT RAISE(ABORT, 'append_only: an account is never deleted; close it instead');
END;
--> statement-breakpoint
CREATE TRIGGER `accounts_identity` BEFORE UPDATE OF `id`, `owner_id`, `kind`, `currency`, `stripe`, `may_overdraw` ON `accounts`
BEGIN
	SELECT RAISE(ABORT, 'append_only: what an account is never changes');
END;
--> statement-breakpoint
CREATE TRIGGER `holds_no_delete` BEFORE DELETE ON `holds`
BEGIN
	SELECT RAISE(ABORT, 'append_only: a hold is never deleted; release it instead');
END;
--> statement-breakpoint
CREATE TRIGGER `holds_ended` BEFORE UPDATE ON `holds` WHEN OLD.`state` <> 'open'
BEGIN
	SELECT RAISE(ABORT, 'append_only: a hold that has ended never changes');
END;
