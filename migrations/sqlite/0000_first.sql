CREATE TABLE `audit_log` (
	`id` text PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	`actor` text NOT NULL,
	`action` text NOT NULL,
	`subject` text NOT NULL,
	`outcome` text NOT NULL,
	`address` text,
	`detail` text NOT NULL
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `audit_log_subject` ON `audit_log` (`subject`,`at`);--> statement-breakpoint
CREATE TABLE `one_time_codes` (
	`id` text PRIMARY KEY NOT NULL,
	`user_id` text NOT NULL,
	`purpose` text NOT NULL,
	`code_hash` text NOT NULL,
	`failures` integer NOT NULL,
	`intent` text,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`used_at` integer,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE no action
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `one_time_codes_user` ON `one_time_codes` (`user_id`,`purpose`,`created_at`);--> statement-breakpoint
CREATE TABLE `refresh_tokens` (
	`hash` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`created_at` integer NOT NULL,
	`used_at` integer,
	`successor` text,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE no action
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `refresh_tokens_session` ON `refresh_tokens` (`session_id`);--> statement-breakpoint
CREATE TABLE `sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`user_id` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`revoked_at` integer,
	`revoked_for` text,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE no action
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `sessions_user` ON `sessions` (`user_id`);--> statement-breakpoint
CREATE INDEX `sessions_revoked` ON `sessions` (`revoked_at`) WHERE revoked_at is not null;--> statement-breakpoint
CREATE TABLE `users` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`email` text NOT NULL,
	`email_key` text NOT NULL,
	`phone` text,
	`role` text NOT NULL,
	`status` text NOT NULL,
	`password_hash` text NOT NULL,
	`pin_hash` text,
	`pin_failures` integer NOT NULL,
	`pin_locked_until` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	CONSTRAINT "users_status" CHECK("users"."status" in ('pending_verification', 'active', 'frozen', 'closed'))
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE UNIQUE INDEX `users_email_key` ON `users` (`email_key`);--> statement-breakpoint
CREATE UNIQUE INDEX `users_phone` ON `users` (`phone`);--> statement-breakpoint
CREATE TABLE `accounts` (
	`id` text PRIMARY KEY NOT NULL,
	`owner_id` text NOT NULL,
	`kind` text NOT NULL,
	`currency` text NOT NULL,
	`stripe` integer NOT NULL,
	`balance` integer NOT NULL,
	`held` integer NOT NULL,
	`may_overdraw` integer NOT NULL,
	`state` text NOT NULL,
	`entry_count` integer NOT NULL,
	`last_transfer_id` text,
	`last_entry_at` integer NOT NULL,
	`created_at` integer NOT NULL,
	CONSTRAINT "accounts_held" CHECK("accounts"."held" >= 0),
	CONSTRAINT "accounts_available" CHECK("accounts"."may_overdraw" or "accounts"."balance" >= "accounts"."held"),
	CONSTRAINT "accounts_range" CHECK("accounts"."balance" between -9007199254740991 and 9007199254740991),
	CONSTRAINT "accounts_state" CHECK("accounts"."state" in ('active', 'frozen', 'closed'))
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE UNIQUE INDEX `accounts_owner` ON `accounts` (`owner_id`,`kind`,`currency`,`stripe`);--> statement-breakpoint
CREATE TABLE `entries` (
	`transfer_id` text NOT NULL,
	`account_id` text NOT NULL,
	`number` integer NOT NULL,
	`amount` integer NOT NULL,
	`balance` integer NOT NULL,
	`previous_transfer_id` text,
	`at` integer NOT NULL,
	PRIMARY KEY(`transfer_id`, `account_id`),
	CONSTRAINT "entries_amount" CHECK("entries"."amount" <> 0)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `entry_marks` (
	`account_id` text NOT NULL,
	`number` integer NOT NULL,
	`transfer_id` text NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`account_id`, `number`)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `holds` (
	`id` text PRIMARY KEY NOT NULL,
	`account_id` text NOT NULL,
	`amount` integer NOT NULL,
	`captured` integer NOT NULL,
	`state` text NOT NULL,
	`purpose` text NOT NULL,
	`expires_at` integer NOT NULL,
	`created_at` integer NOT NULL,
	`ended_at` integer,
	FOREIGN KEY (`account_id`) REFERENCES `accounts`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "holds_amount" CHECK("holds"."amount" > 0 and "holds"."captured" >= 0 and "holds"."captured" <= "holds"."amount"),
	CONSTRAINT "holds_state" CHECK("holds"."state" in ('open', 'captured', 'released', 'expired'))
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `holds_due` ON `holds` (`purpose`,`expires_at`) WHERE state = 'open';--> statement-breakpoint
CREATE INDEX `holds_account` ON `holds` (`account_id`) WHERE state = 'open';--> statement-breakpoint
CREATE TABLE `transfers` (
	`id` text PRIMARY KEY NOT NULL,
	`type` text NOT NULL,
	`amount` integer NOT NULL,
	`fee` integer NOT NULL,
	`currency` text NOT NULL,
	`debit_account_id` text NOT NULL,
	`credit_account_id` text NOT NULL,
	`reversal_of` text,
	`at` integer NOT NULL,
	FOREIGN KEY (`reversal_of`) REFERENCES `transfers`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "transfers_amount" CHECK("transfers"."amount" > 0 and "transfers"."amount" <= 9007199254740991),
	CONSTRAINT "transfers_fee" CHECK("transfers"."fee" >= 0)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE UNIQUE INDEX `transfers_reversal_of` ON `transfers` (`reversal_of`) WHERE reversal_of is not null;--> statement-breakpoint
CREATE TABLE `transfer_notes` (
	`transfer_id` text PRIMARY KEY NOT NULL,
	`note` text NOT NULL
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `terminal_locks` (
	`terminal_id` text PRIMARY KEY NOT NULL,
	`failures` integer NOT NULL,
	`locked_until` integer NOT NULL
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `withdrawals` (
	`id` text PRIMARY KEY NOT NULL,
	`user_id` text NOT NULL,
	`amount` integer NOT NULL,
	`fee` integer NOT NULL,
	`currency` text NOT NULL,
	`status` text NOT NULL,
	`token_hash` text NOT NULL,
	`hold_id` text NOT NULL,
	`expires_at` integer NOT NULL,
	`created_at` integer NOT NULL,
	`paid_by` text,
	`paid_at` integer,
	`commission` integer NOT NULL,
	`transfer_id` text,
	`reversal_id` text,
	CONSTRAINT "withdrawals_status" CHECK("withdrawals"."status" in ('requested', 'paid', 'cancelled', 'expired', 'reversed'))
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE UNIQUE INDEX `withdrawals_open_token` ON `withdrawals` (`token_hash`) WHERE status = 'requested';--> statement-breakpoint
CREATE INDEX `withdrawals_token` ON `withdrawals` (`token_hash`);--> statement-breakpoint
CREATE UNIQUE INDEX `withdrawals_hold` ON `withdrawals` (`hold_id`);--> statement-breakpoint
CREATE INDEX `withdrawals_user` ON `withdrawals` (`user_id`,`id`);--> statement-breakpoint
CREATE TABLE `events` (
	`id` integer PRIMARY KEY NOT NULL,
	`type` text NOT NULL,
	`key` text NOT NULL,
	`payload` text NOT NULL,
	`at` integer NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TABLE `idempotency_keys` (
	`key` text NOT NULL,
	`principal_id` text NOT NULL,
	`fingerprint` text NOT NULL,
	`body` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`key`, `principal_id`)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `idempotency_keys_created` ON `idempotency_keys` (`created_at`);--> statement-breakpoint
CREATE TABLE `schedule_runs` (
	`name` text PRIMARY KEY NOT NULL,
	`started_at` integer NOT NULL
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `work` (
	`id` integer PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`ordering_key` text,
	`unique_key` text,
	`payload` text NOT NULL,
	`state` text NOT NULL,
	`attempts` integer NOT NULL,
	`due_at` integer NOT NULL,
	`lease_until` integer NOT NULL,
	`last_error` text,
	`created_at` integer NOT NULL
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `work_unique_key` ON `work` (`kind`,`unique_key`);--> statement-breakpoint
CREATE INDEX `work_due` ON `work` (`state`,`due_at`);--> statement-breakpoint
CREATE INDEX `work_order` ON `work` (`kind`,`ordering_key`,`id`);--> statement-breakpoint
CREATE TABLE `instance` (
	`name` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
) STRICT, WITHOUT ROWID;
