CREATE TABLE `appointments` (
	`id` text PRIMARY KEY NOT NULL,
	`user_id` text NOT NULL,
	`service_id` text NOT NULL,
	`staff_id` text NOT NULL,
	`starts_at` integer NOT NULL,
	`ends_at` integer NOT NULL,
	`busy_until` integer NOT NULL,
	`status` text NOT NULL,
	`version` integer NOT NULL,
	`price` integer NOT NULL,
	`deposit` integer NOT NULL,
	`currency` text NOT NULL,
	`deposit_state` text NOT NULL,
	`hold_id` text,
	`transfer_id` text,
	`cancel_minutes` integer NOT NULL,
	`cancel_until` integer NOT NULL,
	`offered_until` integer,
	`wait_id` text,
	`cancelled_by` text,
	`reason` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	CONSTRAINT "appointments_span" CHECK("appointments"."starts_at" < "appointments"."ends_at" and "appointments"."ends_at" <= "appointments"."busy_until"),
	CONSTRAINT "appointments_status" CHECK("appointments"."status" in ('offered', 'booked', 'completed', 'missed', 'cancelled', 'declined', 'lapsed')),
	CONSTRAINT "appointments_deposit_state" CHECK("appointments"."deposit_state" in ('none', 'held', 'captured', 'released', 'refunded', 'uncollected'))
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `appointments_busy` ON `appointments` (`staff_id`,`starts_at`) WHERE status in ('offered', 'booked');--> statement-breakpoint
CREATE INDEX `appointments_person_busy` ON `appointments` (`user_id`,`starts_at`) WHERE status in ('offered', 'booked');--> statement-breakpoint
CREATE INDEX `appointments_offers` ON `appointments` (`offered_until`) WHERE status = 'offered';--> statement-breakpoint
CREATE INDEX `appointments_service_ahead` ON `appointments` (`service_id`,`starts_at`) WHERE status in ('offered', 'booked');--> statement-breakpoint
CREATE UNIQUE INDEX `appointments_hold` ON `appointments` (`hold_id`) WHERE hold_id is not null;--> statement-breakpoint
CREATE INDEX `appointments_unsettled` ON `appointments` (`ends_at`) WHERE deposit_state = 'held';--> statement-breakpoint
CREATE INDEX `appointments_user` ON `appointments` (`user_id`,`id`);--> statement-breakpoint
CREATE INDEX `appointments_staff` ON `appointments` (`staff_id`,`starts_at`,`id`);--> statement-breakpoint
CREATE INDEX `appointments_starts` ON `appointments` (`starts_at`,`id`);--> statement-breakpoint
CREATE INDEX `appointments_status` ON `appointments` (`status`,`starts_at`,`id`);--> statement-breakpoint
CREATE INDEX `appointments_staff_status` ON `appointments` (`staff_id`,`status`,`starts_at`,`id`);--> statement-breakpoint
CREATE TABLE `appointment_closures` (
	`id` text PRIMARY KEY NOT NULL,
	`staff_id` text,
	`from_date` text NOT NULL,
	`to_date` text NOT NULL,
	`from_minute` integer,
	`to_minute` integer,
	`reason` text NOT NULL,
	`created_at` integer NOT NULL
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `appointment_closures_to` ON `appointment_closures` (`to_date`);--> statement-breakpoint
CREATE TABLE `appointment_feeds` (
	`token_hash` text PRIMARY KEY NOT NULL,
	`user_id` text,
	`staff_id` text,
	`made_by` text NOT NULL,
	`created_at` integer NOT NULL
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `appointment_feeds_maker` ON `appointment_feeds` (`made_by`);--> statement-breakpoint
CREATE UNIQUE INDEX `appointment_feeds_user` ON `appointment_feeds` (`user_id`) WHERE user_id is not null;--> statement-breakpoint
CREATE UNIQUE INDEX `appointment_feeds_staff` ON `appointment_feeds` (`staff_id`) WHERE staff_id is not null;--> statement-breakpoint
CREATE TABLE `appointment_hours` (
	`staff_id` text NOT NULL,
	`weekday` integer NOT NULL,
	`from_minute` integer NOT NULL,
	`to_minute` integer NOT NULL,
	PRIMARY KEY(`staff_id`, `weekday`, `from_minute`)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `appointment_ratings` (
	`service_id` text PRIMARY KEY NOT NULL,
	`total` integer NOT NULL,
	`reviews` integer NOT NULL
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `appointment_reminders` (
	`id` integer PRIMARY KEY NOT NULL,
	`appointment_id` text NOT NULL,
	`version` integer NOT NULL,
	`name` text NOT NULL,
	`due_at` integer NOT NULL,
	`skip_after` integer NOT NULL,
	`media` text NOT NULL,
	`state` text NOT NULL,
	CONSTRAINT "appointment_reminders_state" CHECK("appointment_reminders"."state" in ('waiting', 'done', 'skipped'))
) STRICT;
--> statement-breakpoint
CREATE INDEX `appointment_reminders_due` ON `appointment_reminders` (`due_at`) WHERE state = 'waiting';--> statement-breakpoint
CREATE INDEX `appointment_reminders_past` ON `appointment_reminders` (`due_at`) WHERE state <> 'waiting';--> statement-breakpoint
CREATE INDEX `appointment_reminders_of` ON `appointment_reminders` (`appointment_id`);--> statement-breakpoint
CREATE TABLE `appointment_reviews` (
	`id` text PRIMARY KEY NOT NULL,
	`appointment_id` text NOT NULL,
	`service_id` text NOT NULL,
	`user_id` text NOT NULL,
	`rating` integer NOT NULL,
	`text` text,
	`hidden` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	CONSTRAINT "appointment_reviews_rating" CHECK("appointment_reviews"."rating" between 1 and 5)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE UNIQUE INDEX `appointment_reviews_appointment` ON `appointment_reviews` (`appointment_id`);--> statement-breakpoint
CREATE INDEX `appointment_reviews_service` ON `appointment_reviews` (`service_id`,`id`);--> statement-breakpoint
CREATE INDEX `appointment_reviews_user` ON `appointment_reviews` (`user_id`);--> statement-breakpoint
CREATE TABLE `appointment_services` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`description` text NOT NULL,
	`duration_minutes` integer NOT NULL,
	`buffer_minutes` integer NOT NULL,
	`price` integer NOT NULL,
	`deposit` integer NOT NULL,
	`currency` text NOT NULL,
	`capacity` integer NOT NULL,
	`place` text NOT NULL,
	`time_zone` text NOT NULL,
	`slot_step_minutes` integer NOT NULL,
	`min_notice_minutes` integer NOT NULL,
	`max_days` integer NOT NULL,
	`cancel_minutes` integer NOT NULL,
	`payee_id` text,
	`reminders` text,
	`active` integer NOT NULL,
	`grown_from` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	CONSTRAINT "appointment_services_deposit" CHECK("appointment_services"."deposit" >= 0 and "appointment_services"."deposit" <= "appointment_services"."price"),
	CONSTRAINT "appointment_services_capacity" CHECK("appointment_services"."capacity" >= 1)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `appointment_services_grown` ON `appointment_services` (`grown_from`) WHERE grown_from is not null;--> statement-breakpoint
CREATE INDEX `appointment_services_payee` ON `appointment_services` (`payee_id`) WHERE payee_id is not null;--> statement-breakpoint
CREATE TABLE `appointment_staff` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`user_id` text,
	`time_zone` text NOT NULL,
	`active` integer NOT NULL,
	`created_at` integer NOT NULL
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE UNIQUE INDEX `appointment_staff_user` ON `appointment_staff` (`user_id`) WHERE user_id is not null;--> statement-breakpoint
CREATE TABLE `appointment_staff_services` (
	`staff_id` text NOT NULL,
	`service_id` text NOT NULL,
	PRIMARY KEY(`staff_id`, `service_id`)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `appointment_staff_services_service` ON `appointment_staff_services` (`service_id`);--> statement-breakpoint
CREATE TABLE `appointment_waits` (
	`id` text PRIMARY KEY NOT NULL,
	`user_id` text NOT NULL,
	`service_id` text NOT NULL,
	`staff_id` text,
	`from_date` text NOT NULL,
	`to_date` text NOT NULL,
	`from_at` integer NOT NULL,
	`to_at` integer NOT NULL,
	`state` text NOT NULL,
	`since` integer NOT NULL,
	`lapses` integer NOT NULL,
	`grown_meanwhile` integer NOT NULL,
	`created_at` integer NOT NULL,
	`ended_at` integer,
	CONSTRAINT "appointment_waits_state" CHECK("appointment_waits"."state" in ('waiting', 'offered', 'ended'))
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `appointment_waits_line` ON `appointment_waits` (`service_id`,`since`,`id`) WHERE state = 'waiting';--> statement-breakpoint
CREATE INDEX `appointment_waits_when` ON `appointment_waits` (`service_id`,`to_at`,`from_at`) WHERE state = 'waiting';--> statement-breakpoint
CREATE INDEX `appointment_waits_offered` ON `appointment_waits` (`service_id`) WHERE state = 'offered';--> statement-breakpoint
CREATE INDEX `appointment_waits_over` ON `appointment_waits` (`to_at`) WHERE state = 'waiting';--> statement-breakpoint
CREATE INDEX `appointment_waits_ended` ON `appointment_waits` (`ended_at`) WHERE state = 'ended';--> statement-breakpoint
CREATE INDEX `appointment_waits_user` ON `appointment_waits` (`user_id`,`id`);--> statement-breakpoint
CREATE TABLE `code_sends` (
	`id` text PRIMARY KEY NOT NULL,
	`destination` text NOT NULL,
	`created_at` integer NOT NULL
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `code_sends_destination` ON `code_sends` (`destination`,`created_at`);--> statement-breakpoint
CREATE TABLE `deliveries` (
	`id` text PRIMARY KEY NOT NULL,
	`notification_id` text NOT NULL,
	`recipient` text NOT NULL,
	`track` integer NOT NULL,
	`step` integer NOT NULL,
	`medium` text NOT NULL,
	`state` text NOT NULL,
	`lane` integer NOT NULL,
	`attempts` integer NOT NULL,
	`tries` text NOT NULL,
	`due_at` integer NOT NULL,
	`lease_until` integer NOT NULL,
	`expires_at` integer,
	`fallback_at` integer,
	`digest` integer NOT NULL,
	`address_hash` text,
	`provider` text,
	`provider_id` text,
	`reason` text,
	`ready_at` integer NOT NULL,
	`accepted_at` integer,
	`delivered_at` integer,
	CONSTRAINT "deliveries_state" CHECK("deliveries"."state" in ('waiting', 'accepted', 'delivered', 'failed', 'dead', 'skipped', 'expired', 'cancelled'))
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE UNIQUE INDEX `deliveries_way` ON `deliveries` (`notification_id`,`track`,`medium`);--> statement-breakpoint
CREATE INDEX `deliveries_due` ON `deliveries` (`medium`,`lane`,`due_at`) WHERE state = 'waiting';--> statement-breakpoint
CREATE INDEX `deliveries_expiry` ON `deliveries` (`expires_at`) WHERE state = 'waiting' and expires_at is not null;--> statement-breakpoint
CREATE INDEX `deliveries_fallback` ON `deliveries` (`fallback_at`) WHERE fallback_at is not null;--> statement-breakpoint
CREATE INDEX `deliveries_digest` ON `deliveries` (`recipient`,`medium`,`id`) WHERE digest and state = 'waiting';--> statement-breakpoint
CREATE INDEX `deliveries_dead` ON `deliveries` (`id`) WHERE state = 'dead';--> statement-breakpoint
CREATE INDEX `deliveries_provider` ON `deliveries` (`provider`,`provider_id`) WHERE provider_id is not null;--> statement-breakpoint
CREATE INDEX `deliveries_sent` ON `deliveries` (`recipient`,`medium`,`accepted_at`) WHERE accepted_at is not null;--> statement-breakpoint
CREATE TABLE `delivery_receipts` (
	`provider` text NOT NULL,
	`provider_id` text NOT NULL,
	`status` text NOT NULL,
	`reason` text,
	`invalid_recipient` integer NOT NULL,
	`at` integer NOT NULL,
	`applied_at` integer,
	PRIMARY KEY(`provider`, `provider_id`, `status`)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `delivery_receipts_at` ON `delivery_receipts` (`at`);--> statement-breakpoint
CREATE TABLE `notification_preferences` (
	`user_id` text PRIMARY KEY NOT NULL,
	`language` text,
	`time_zone` text,
	`quiet_from` integer,
	`quiet_to` integer,
	`muted` text NOT NULL,
	`digests` text NOT NULL,
	`updated_at` integer NOT NULL
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `notifications` (
	`id` text PRIMARY KEY NOT NULL,
	`user_id` text,
	`recipient` text NOT NULL,
	`sealed_address` text,
	`address_id` text,
	`template` text NOT NULL,
	`category` text NOT NULL,
	`language` text,
	`facts` text NOT NULL,
	`sealed_secret` text,
	`about` text NOT NULL,
	`version` integer,
	`tracks` text NOT NULL,
	`status` text NOT NULL,
	`urgent` integer NOT NULL,
	`in_app` integer NOT NULL,
	`read_at` integer,
	`due_at` integer NOT NULL,
	`expires_at` integer,
	`created_at` integer NOT NULL,
	`unique_key` text NOT NULL,
	CONSTRAINT "notifications_status" CHECK("notifications"."status" in ('waiting', 'accepted', 'delivered', 'failed', 'skipped', 'expired', 'cancelled'))
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE UNIQUE INDEX `notifications_unique_key` ON `notifications` (`unique_key`);--> statement-breakpoint
CREATE INDEX `notifications_secrets` ON `notifications` (`expires_at`) WHERE sealed_secret is not null;--> statement-breakpoint
CREATE INDEX `notifications_recipient` ON `notifications` (`recipient`,`id`);--> statement-breakpoint
CREATE INDEX `notifications_inbox` ON `notifications` (`user_id`,`due_at`,`id`) WHERE in_app;--> statement-breakpoint
CREATE INDEX `notifications_unread` ON `notifications` (`user_id`,`due_at`,`id`) WHERE in_app and read_at is null;--> statement-breakpoint
CREATE TABLE `own_templates` (
	`name` text PRIMARY KEY NOT NULL,
	`category` text NOT NULL,
	`sample` text NOT NULL,
	`created_at` integer NOT NULL
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `suppressions` (
	`id` text PRIMARY KEY NOT NULL,
	`address_hash` text NOT NULL,
	`medium` text NOT NULL,
	`hint` text NOT NULL,
	`cause` text NOT NULL,
	`created_at` integer NOT NULL
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE UNIQUE INDEX `suppressions_address` ON `suppressions` (`address_hash`,`medium`);--> statement-breakpoint
CREATE TABLE `notification_targets` (
	`id` text PRIMARY KEY NOT NULL,
	`user_id` text NOT NULL,
	`kind` text NOT NULL,
	`address_hash` text NOT NULL,
	`sealed` text NOT NULL,
	`name` text NOT NULL,
	`refusals` integer NOT NULL,
	`paused_at` integer,
	`created_at` integer NOT NULL
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE UNIQUE INDEX `notification_targets_address` ON `notification_targets` (`address_hash`);--> statement-breakpoint
CREATE INDEX `notification_targets_user` ON `notification_targets` (`user_id`);--> statement-breakpoint
CREATE TABLE `template_routes` (
	`template` text PRIMARY KEY NOT NULL,
	`tracks` text NOT NULL,
	`updated_at` integer NOT NULL
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `template_versions` (
	`template` text NOT NULL,
	`language` text NOT NULL,
	`version` integer NOT NULL,
	`words` text,
	`author` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`template`, `language`, `version`)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
DROP INDEX `work_unique_key`;--> statement-breakpoint
DROP INDEX `work_due`;--> statement-breakpoint
DROP INDEX `work_order`;--> statement-breakpoint
CREATE INDEX `work_dead` ON `work` (`id`) WHERE state = 'dead';--> statement-breakpoint
CREATE UNIQUE INDEX `work_unique_key` ON `work` (`kind`,`unique_key`) WHERE unique_key is not null;--> statement-breakpoint
CREATE INDEX `work_due` ON `work` (`kind`,`due_at`) WHERE state = 'waiting';--> statement-breakpoint
CREATE INDEX `work_order` ON `work` (`kind`,`ordering_key`,`id`) WHERE ordering_key is not null;--> statement-breakpoint
ALTER TABLE `events` ADD `lane` integer;--> statement-breakpoint
CREATE INDEX `events_lane` ON `events` (`lane`,`id`) WHERE lane is not null;--> statement-breakpoint
ALTER TABLE `schedule_runs` ADD `due_at` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `schedule_runs` ADD `ended_at` integer;--> statement-breakpoint
ALTER TABLE `schedule_runs` ADD `lease_until` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `schedule_runs` ADD `outcome` text;--> statement-breakpoint
ALTER TABLE `schedule_runs` ADD `error` text;