-- What has been booked stays booked: the database itself refuses changes and deletions, whoever asks.
CREATE FUNCTION kumbu_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'append_only: %', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END $$;
--> statement-breakpoint
CREATE TRIGGER transfers_no_update BEFORE UPDATE ON transfers FOR EACH ROW EXECUTE FUNCTION kumbu_append_only('a transfer is never changed or deleted; reverse it instead');
--> statement-breakpoint
CREATE TRIGGER transfers_no_delete BEFORE DELETE ON transfers FOR EACH ROW EXECUTE FUNCTION kumbu_append_only('a transfer is never changed or deleted; reverse it instead');
--> statement-breakpoint
CREATE TRIGGER transfers_no_truncate BEFORE TRUNCATE ON transfers EXECUTE FUNCTION kumbu_append_only('a transfer is never changed or deleted; reverse it instead');
--> statement-breakpoint
CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries FOR EACH ROW EXECUTE FUNCTION kumbu_append_only('an entry is never changed or deleted; reverse its transfer instead');
--> statement-breakpoint
CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries FOR EACH ROW EXECUTE FUNCTION kumbu_append_only('an entry is never changed or deleted; reverse its transfer instead');
--> statement-breakpoint
CREATE TRIGGER entries_no_truncate BEFORE TRUNCATE ON entries EXECUTE FUNCTION kumbu_append_only('an entry is never changed or deleted; reverse its transfer instead');
--> statement-breakpoint
CREATE TRIGGER entry_marks_no_update BEFORE UPDATE ON entry_marks FOR EACH ROW EXECUTE FUNCTION kumbu_append_only('a mark is never changed or deleted');
--> statement-breakpoint
CREATE TRIGGER entry_marks_no_delete BEFORE DELETE ON entry_marks FOR EACH ROW EXECUTE FUNCTION kumbu_append_only('a mark is never changed or deleted');
--> statement-breakpoint
CREATE TRIGGER entry_marks_no_truncate BEFORE TRUNCATE ON entry_marks EXECUTE FUNCTION kumbu_append_only('a mark is never changed or deleted');
--> statement-breakpoint
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log FOR EACH ROW EXECUTE FUNCTION kumbu_append_only('the audit log is append only');
--> statement-breakpoint
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION kumbu_append_only('the audit log is append only');
--> statement-breakpoint
CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log EXECUTE FUNCTION kumbu_append_only('the audit log is append only');
--> statement-breakpoint
CREATE TRIGGER accounts_no_delete BEFORE DELETE ON accounts FOR EACH ROW EXECUTE FUNCTION kumbu_append_only('an account is never deleted; close it instead');
--> statement-breakpoint
CREATE TRIGGER accounts_identity BEFORE UPDATE OF id, owner_id, kind, currency, stripe, may_overdraw ON accounts FOR EACH ROW EXECUTE FUNCTION kumbu_append_only('what an account is never changes');
--> statement-breakpoint
CREATE TRIGGER holds_no_delete BEFORE DELETE ON holds FOR EACH ROW EXECUTE FUNCTION kumbu_append_only('a hold is never deleted; release it instead');
--> statement-breakpoint
CREATE TRIGGER holds_ended BEFORE UPDATE ON holds FOR EACH ROW WHEN (OLD.state <> 'open') EXECUTE FUNCTION kumbu_append_only('a hold that has ended never changes');
