CREATE TABLE "audit_log" (
	"id" text PRIMARY KEY NOT NULL,
	"at" bigint NOT NULL,
	"actor" text NOT NULL,
	"action" text NOT NULL,
	"subject" text NOT NULL,
	"outcome" text NOT NULL,
	"address" text,
	"detail" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "one_time_codes" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"purpose" text NOT NULL,
	"code_hash" text NOT NULL,
	"failures" bigint NOT NULL,
	"intent" text,
	"created_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL,
	"used_at" bigint
);
--> statement-breakpoint
CREATE TABLE "refresh_tokens" (
	"hash" text PRIMARY KEY NOT NULL,
	"session_id" text NOT NULL,
	"created_at" bigint NOT NULL,
	"used_at" bigint,
	"successor" text
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"created_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL,
	"revoked_at" bigint,
	"revoked_for" text
);
--> statement-breakpoint
CREATE TABLE "users" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"email" text NOT NULL,
	"email_key" text NOT NULL,
	"phone" text,
	"role" text NOT NULL,
	"status" text NOT NULL,
	"password_hash" text NOT NULL,
	"pin_hash" text,
	"pin_failures" bigint NOT NULL,
	"pin_locked_until" bigint NOT NULL,
	"created_at" bigint NOT NULL,
	"updated_at" bigint NOT NULL,
	CONSTRAINT "users_status" CHECK ("users"."status" in ('pending_verification', 'active', 'frozen', 'closed'))
);
--> statement-breakpoint
CREATE TABLE "accounts" (
	"id" text PRIMARY KEY NOT NULL,
	"owner_id" text NOT NULL,
	"kind" text NOT NULL,
	"currency" text NOT NULL,
	"stripe" bigint NOT NULL,
	"balance" bigint NOT NULL,
	"held" bigint NOT NULL,
	"may_overdraw" boolean NOT NULL,
	"state" text NOT NULL,
	"entry_count" bigint NOT NULL,
	"last_transfer_id" text,
	"last_entry_at" bigint NOT NULL,
	"created_at" bigint NOT NULL,
	CONSTRAINT "accounts_held" CHECK ("accounts"."held" >= 0),
	CONSTRAINT "accounts_available" CHECK ("accounts"."may_overdraw" or "accounts"."balance" >= "accounts"."held"),
	CONSTRAINT "accounts_range" CHECK ("accounts"."balance" between -9007199254740991 and 9007199254740991),
	CONSTRAINT "accounts_state" CHECK ("accounts"."state" in ('active', 'frozen', 'closed'))
);
--> statement-breakpoint
CREATE TABLE "entries" (
	"transfer_id" text NOT NULL,
	"account_id" text NOT NULL,
	"number" bigint NOT NULL,
	"amount" bigint NOT NULL,
	"balance" bigint NOT NULL,
	"previous_transfer_id" text,
	"at" bigint NOT NULL,
	CONSTRAINT "entries_pk" PRIMARY KEY("transfer_id","account_id"),
	CONSTRAINT "entries_amount" CHECK ("entries"."amount" <> 0)
);
--> statement-breakpoint
CREATE TABLE "entry_marks" (
	"account_id" text NOT NULL,
	"number" bigint NOT NULL,
	"transfer_id" text NOT NULL,
	"at" bigint NOT NULL,
	CONSTRAINT "entry_marks_pk" PRIMARY KEY("account_id","number")
);
--> statement-breakpoint
CREATE TABLE "holds" (
	"id" text PRIMARY KEY NOT NULL,
	"account_id" text NOT NULL,
	"amount" bigint NOT NULL,
	"captured" bigint NOT NULL,
	"state" text NOT NULL,
	"purpose" text NOT NULL,
	"expires_at" bigint NOT NULL,
	"created_at" bigint NOT NULL,
	"ended_at" bigint,
	CONSTRAINT "holds_amount" CHECK ("holds"."amount" > 0 and "holds"."captured" >= 0 and "holds"."captured" <= "holds"."amount"),
	CONSTRAINT "holds_state" CHECK ("holds"."state" in ('open', 'captured', 'released', 'expired'))
);
--> statement-breakpoint
CREATE TABLE "transfers" (
	"id" text PRIMARY KEY NOT NULL,
	"type" text NOT NULL,
	"amount" bigint NOT NULL,
	"fee" bigint NOT NULL,
	"currency" text NOT NULL,
	"debit_account_id" text NOT NULL,
	"credit_account_id" text NOT NULL,
	"reversal_of" text,
	"at" bigint NOT NULL,
	CONSTRAINT "transfers_amount" CHECK ("transfers"."amount" > 0 and "transfers"."amount" <= 9007199254740991),
	CONSTRAINT "transfers_fee" CHECK ("transfers"."fee" >= 0)
);
--> statement-breakpoint
CREATE TABLE "transfer_notes" (
	"transfer_id" text PRIMARY KEY NOT NULL,
	"note" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "terminal_locks" (
	"terminal_id" text PRIMARY KEY NOT NULL,
	"failures" bigint NOT NULL,
	"locked_until" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "withdrawals" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"amount" bigint NOT NULL,
	"fee" bigint NOT NULL,
	"currency" text NOT NULL,
	"status" text NOT NULL,
	"token_hash" text NOT NULL,
	"hold_id" text NOT NULL,
	"expires_at" bigint NOT NULL,
	"created_at" bigint NOT NULL,
	"paid_by" text,
	"paid_at" bigint,
	"commission" bigint NOT NULL,
	"transfer_id" text,
	"reversal_id" text,
	CONSTRAINT "withdrawals_status" CHECK ("withdrawals"."status" in ('requested', 'paid', 'cancelled', 'expired', 'reversed'))
);
--> statement-breakpoint
CREATE TABLE "events" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"type" text NOT NULL,
	"key" text NOT NULL,
	"payload" text NOT NULL,
	"at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"key" text NOT NULL,
	"principal_id" text NOT NULL,
	"fingerprint" text NOT NULL,
	"body" text NOT NULL,
	"created_at" bigint NOT NULL,
	CONSTRAINT "idempotency_keys_pk" PRIMARY KEY("key","principal_id")
);
--> statement-breakpoint
CREATE TABLE "schedule_runs" (
	"name" text PRIMARY KEY NOT NULL,
	"started_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "work" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"ordering_key" text,
	"unique_key" text,
	"payload" text NOT NULL,
	"state" text NOT NULL,
	"attempts" bigint NOT NULL,
	"due_at" bigint NOT NULL,
	"lease_until" bigint NOT NULL,
	"last_error" text,
	"created_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "instance" (
	"name" text PRIMARY KEY NOT NULL,
	"value" text NOT NULL
);
--> statement-breakpoint
ALTER TABLE "one_time_codes" ADD CONSTRAINT "one_time_codes_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "refresh_tokens" ADD CONSTRAINT "refresh_tokens_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."sessions"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "holds" ADD CONSTRAINT "holds_account_id_accounts_id_fk" FOREIGN KEY ("account_id") REFERENCES "public"."accounts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "transfers" ADD CONSTRAINT "transfers_reversal_of_fk" FOREIGN KEY ("reversal_of") REFERENCES "public"."transfers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "audit_log_subject" ON "audit_log" USING btree ("subject","at");--> statement-breakpoint
CREATE INDEX "one_time_codes_user" ON "one_time_codes" USING btree ("user_id","purpose","created_at");--> statement-breakpoint
CREATE INDEX "refresh_tokens_session" ON "refresh_tokens" USING btree ("session_id");--> statement-breakpoint
CREATE INDEX "sessions_user" ON "sessions" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "sessions_revoked" ON "sessions" USING btree ("revoked_at") WHERE revoked_at is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "users_email_key" ON "users" USING btree ("email_key");--> statement-breakpoint
CREATE UNIQUE INDEX "users_phone" ON "users" USING btree ("phone");--> statement-breakpoint
CREATE UNIQUE INDEX "accounts_owner" ON "accounts" USING btree ("owner_id","kind","currency","stripe");--> statement-breakpoint
CREATE INDEX "holds_due" ON "holds" USING btree ("purpose","expires_at") WHERE state = 'open';--> statement-breakpoint
CREATE INDEX "holds_account" ON "holds" USING btree ("account_id") WHERE state = 'open';--> statement-breakpoint
CREATE UNIQUE INDEX "transfers_reversal_of" ON "transfers" USING btree ("reversal_of") WHERE reversal_of is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "withdrawals_open_token" ON "withdrawals" USING btree ("token_hash") WHERE status = 'requested';--> statement-breakpoint
CREATE INDEX "withdrawals_token" ON "withdrawals" USING btree ("token_hash");--> statement-breakpoint
CREATE UNIQUE INDEX "withdrawals_hold" ON "withdrawals" USING btree ("hold_id");--> statement-breakpoint
CREATE INDEX "withdrawals_user" ON "withdrawals" USING btree ("user_id","id");--> statement-breakpoint
CREATE INDEX "idempotency_keys_created" ON "idempotency_keys" USING btree ("created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "work_unique_key" ON "work" USING btree ("kind","unique_key");--> statement-breakpoint
CREATE INDEX "work_due" ON "work" USING btree ("state","due_at");--> statement-breakpoint
CREATE INDEX "work_order" ON "work" USING btree ("kind","ordering_key","id");