CREATE TABLE "appointments" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"service_id" text NOT NULL,
	"staff_id" text NOT NULL,
	"starts_at" bigint NOT NULL,
	"ends_at" bigint NOT NULL,
	"busy_until" bigint NOT NULL,
	"status" text NOT NULL,
	"version" bigint NOT NULL,
	"price" bigint NOT NULL,
	"deposit" bigint NOT NULL,
	"currency" text NOT NULL,
	"deposit_state" text NOT NULL,
	"hold_id" text,
	"transfer_id" text,
	"cancel_minutes" bigint NOT NULL,
	"cancel_until" bigint NOT NULL,
	"offered_until" bigint,
	"wait_id" text,
	"cancelled_by" text,
	"reason" text,
	"created_at" bigint NOT NULL,
	"updated_at" bigint NOT NULL,
	CONSTRAINT "appointments_span" CHECK ("appointments"."starts_at" < "appointments"."ends_at" and "appointments"."ends_at" <= "appointments"."busy_until"),
	CONSTRAINT "appointments_status" CHECK ("appointments"."status" in ('offered', 'booked', 'completed', 'missed', 'cancelled', 'declined', 'lapsed')),
	CONSTRAINT "appointments_deposit_state" CHECK ("appointments"."deposit_state" in ('none', 'held', 'captured', 'released', 'refunded', 'uncollected'))
);
--> statement-breakpoint
CREATE TABLE "appointment_closures" (
	"id" text PRIMARY KEY NOT NULL,
	"staff_id" text,
	"from_date" text NOT NULL,
	"to_date" text NOT NULL,
	"from_minute" bigint,
	"to_minute" bigint,
	"reason" text NOT NULL,
	"created_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "appointment_feeds" (
	"token_hash" text PRIMARY KEY NOT NULL,
	"user_id" text,
	"staff_id" text,
	"made_by" text NOT NULL,
	"created_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "appointment_hours" (
	"staff_id" text NOT NULL,
	"weekday" bigint NOT NULL,
	"from_minute" bigint NOT NULL,
	"to_minute" bigint NOT NULL,
	CONSTRAINT "appointment_hours_pk" PRIMARY KEY("staff_id","weekday","from_minute")
);
--> statement-breakpoint
CREATE TABLE "appointment_ratings" (
	"service_id" text PRIMARY KEY NOT NULL,
	"total" bigint NOT NULL,
	"reviews" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "appointment_reminders" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"appointment_id" text NOT NULL,
	"version" bigint NOT NULL,
	"name" text NOT NULL,
	"due_at" bigint NOT NULL,
	"skip_after" bigint NOT NULL,
	"media" text NOT NULL,
	"state" text NOT NULL,
	CONSTRAINT "appointment_reminders_state" CHECK ("appointment_reminders"."state" in ('waiting', 'done', 'skipped'))
);
--> statement-breakpoint
CREATE TABLE "appointment_reviews" (
	"id" text PRIMARY KEY NOT NULL,
	"appointment_id" text NOT NULL,
	"service_id" text NOT NULL,
	"user_id" text NOT NULL,
	"rating" bigint NOT NULL,
	"text" text,
	"hidden" boolean NOT NULL,
	"created_at" bigint NOT NULL,
	"updated_at" bigint NOT NULL,
	CONSTRAINT "appointment_reviews_rating" CHECK ("appointment_reviews"."rating" between 1 and 5)
);
--> statement-breakpoint
CREATE TABLE "appointment_services" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"description" text NOT NULL,
	"duration_minutes" bigint NOT NULL,
	"buffer_minutes" bigint NOT NULL,
	"price" bigint NOT NULL,
	"deposit" bigint NOT NULL,
	"currency" text NOT NULL,
	"capacity" bigint NOT NULL,
	"place" text NOT NULL,
	"time_zone" text NOT NULL,
	"slot_step_minutes" bigint NOT NULL,
	"min_notice_minutes" bigint NOT NULL,
	"max_days" bigint NOT NULL,
	"cancel_minutes" bigint NOT NULL,
	"payee_id" text,
	"reminders" text,
	"active" boolean NOT NULL,
	"grown_from" bigint,
	"created_at" bigint NOT NULL,
	"updated_at" bigint NOT NULL,
	CONSTRAINT "appointment_services_deposit" CHECK ("appointment_services"."deposit" >= 0 and "appointment_services"."deposit" <= "appointment_services"."price"),
	CONSTRAINT "appointment_services_capacity" CHECK ("appointment_services"."capacity" >= 1)
);
--> statement-breakpoint
CREATE TABLE "appointment_staff" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"user_id" text,
	"time_zone" text NOT NULL,
	"active" boolean NOT NULL,
	"created_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "appointment_staff_services" (
	"staff_id" text NOT NULL,
	"service_id" text NOT NULL,
	CONSTRAINT "appointment_staff_services_pk" PRIMARY KEY("staff_id","service_id")
);
--> statement-breakpoint
CREATE TABLE "appointment_waits" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"service_id" text NOT NULL,
	"staff_id" text,
	"from_date" text NOT NULL,
	"to_date" text NOT NULL,
	"from_at" bigint NOT NULL,
	"to_at" bigint NOT NULL,
	"state" text NOT NULL,
	"since" bigint NOT NULL,
	"lapses" bigint NOT NULL,
	"grown_meanwhile" boolean NOT NULL,
	"created_at" bigint NOT NULL,
	"ended_at" bigint,
	CONSTRAINT "appointment_waits_state" CHECK ("appointment_waits"."state" in ('waiting', 'offered', 'ended'))
);
--> statement-breakpoint
CREATE TABLE "code_sends" (
	"id" text PRIMARY KEY NOT NULL,
	"destination" text NOT NULL,
	"created_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "deliveries" (
	"id" text PRIMARY KEY NOT NULL,
	"notification_id" text NOT NULL,
	"recipient" text NOT NULL,
	"track" bigint NOT NULL,
	"step" bigint NOT NULL,
	"medium" text NOT NULL,
	"state" text NOT NULL,
	"lane" bigint NOT NULL,
	"attempts" bigint NOT NULL,
	"tries" text NOT NULL,
	"due_at" bigint NOT NULL,
	"lease_until" bigint NOT NULL,
	"expires_at" bigint,
	"fallback_at" bigint,
	"digest" boolean NOT NULL,
	"address_hash" text,
	"provider" text,
	"provider_id" text,
	"reason" text,
	"ready_at" bigint NOT NULL,
	"accepted_at" bigint,
	"delivered_at" bigint,
	CONSTRAINT "deliveries_state" CHECK ("deliveries"."state" in ('waiting', 'accepted', 'delivered', 'failed', 'dead', 'skipped', 'expired', 'cancelled'))
);
--> statement-breakpoint
CREATE TABLE "delivery_receipts" (
	"provider" text NOT NULL,
	"provider_id" text NOT NULL,
	"status" text NOT NULL,
	"reason" text,
	"invalid_recipient" boolean NOT NULL,
	"at" bigint NOT NULL,
	"applied_at" bigint,
	CONSTRAINT "delivery_receipts_pk" PRIMARY KEY("provider","provider_id","status")
);
--> statement-breakpoint
CREATE TABLE "notification_preferences" (
	"user_id" text PRIMARY KEY NOT NULL,
	"language" text,
	"time_zone" text,
	"quiet_from" bigint,
	"quiet_to" bigint,
	"muted" text NOT NULL,
	"digests" text NOT NULL,
	"updated_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "notifications" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" text,
	"recipient" text NOT NULL,
	"sealed_address" text,
	"address_id" text,
	"template" text NOT NULL,
	"category" text NOT NULL,
	"language" text,
	"facts" text NOT NULL,
	"sealed_secret" text,
	"about" text NOT NULL,
	"version" bigint,
	"tracks" text NOT NULL,
	"status" text NOT NULL,
	"urgent" boolean NOT NULL,
	"in_app" boolean NOT NULL,
	"read_at" bigint,
	"due_at" bigint NOT NULL,
	"expires_at" bigint,
	"created_at" bigint NOT NULL,
	"unique_key" text NOT NULL,
	CONSTRAINT "notifications_status" CHECK ("notifications"."status" in ('waiting', 'accepted', 'delivered', 'failed', 'skipped', 'expired', 'cancelled'))
);
--> statement-breakpoint
CREATE TABLE "own_templates" (
	"name" text PRIMARY KEY NOT NULL,
	"category" text NOT NULL,
	"sample" text NOT NULL,
	"created_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "suppressions" (
	"id" text PRIMARY KEY NOT NULL,
	"address_hash" text NOT NULL,
	"medium" text NOT NULL,
	"hint" text NOT NULL,
	"cause" text NOT NULL,
	"created_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "notification_targets" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"kind" text NOT NULL,
	"address_hash" text NOT NULL,
	"sealed" text NOT NULL,
	"name" text NOT NULL,
	"refusals" bigint NOT NULL,
	"paused_at" bigint,
	"created_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "template_routes" (
	"template" text PRIMARY KEY NOT NULL,
	"tracks" text NOT NULL,
	"updated_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "template_versions" (
	"template" text NOT NULL,
	"language" text NOT NULL,
	"version" bigint NOT NULL,
	"words" text,
	"author" text NOT NULL,
	"created_at" bigint NOT NULL,
	CONSTRAINT "template_versions_pk" PRIMARY KEY("template","language","version")
);
--> statement-breakpoint
DROP INDEX "work_unique_key";--> statement-breakpoint
DROP INDEX "work_due";--> statement-breakpoint
DROP INDEX "work_order";--> statement-breakpoint
ALTER TABLE "events" ADD COLUMN "lane" bigint;--> statement-breakpoint
ALTER TABLE "schedule_runs" ADD COLUMN "due_at" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "schedule_runs" ADD COLUMN "ended_at" bigint;--> statement-breakpoint
ALTER TABLE "schedule_runs" ADD COLUMN "lease_until" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "schedule_runs" ADD COLUMN "outcome" text;--> statement-breakpoint
ALTER TABLE "schedule_runs" ADD COLUMN "error" text;--> statement-breakpoint
CREATE INDEX "appointments_busy" ON "appointments" USING btree ("staff_id","starts_at") WHERE status in ('offered', 'booked');--> statement-breakpoint
CREATE INDEX "appointments_person_busy" ON "appointments" USING btree ("user_id","starts_at") WHERE status in ('offered', 'booked');--> statement-breakpoint
CREATE INDEX "appointments_offers" ON "appointments" USING btree ("offered_until") WHERE status = 'offered';--> statement-breakpoint
CREATE INDEX "appointments_service_ahead" ON "appointments" USING btree ("service_id","starts_at") WHERE status in ('offered', 'booked');--> statement-breakpoint
CREATE UNIQUE INDEX "appointments_hold" ON "appointments" USING btree ("hold_id") WHERE hold_id is not null;--> statement-breakpoint
CREATE INDEX "appointments_unsettled" ON "appointments" USING btree ("ends_at") WHERE deposit_state = 'held';--> statement-breakpoint
CREATE INDEX "appointments_user" ON "appointments" USING btree ("user_id","id");--> statement-breakpoint
CREATE INDEX "appointments_staff" ON "appointments" USING btree ("staff_id","starts_at","id");--> statement-breakpoint
CREATE INDEX "appointments_starts" ON "appointments" USING btree ("starts_at","id");--> statement-breakpoint
CREATE INDEX "appointments_status" ON "appointments" USING btree ("status","starts_at","id");--> statement-breakpoint
CREATE INDEX "appointments_staff_status" ON "appointments" USING btree ("staff_id","status","starts_at","id");--> statement-breakpoint
CREATE INDEX "appointment_closures_to" ON "appointment_closures" USING btree ("to_date");--> statement-breakpoint
CREATE INDEX "appointment_feeds_maker" ON "appointment_feeds" USING btree ("made_by");--> statement-breakpoint
CREATE UNIQUE INDEX "appointment_feeds_user" ON "appointment_feeds" USING btree ("user_id") WHERE user_id is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "appointment_feeds_staff" ON "appointment_feeds" USING btree ("staff_id") WHERE staff_id is not null;--> statement-breakpoint
CREATE INDEX "appointment_reminders_due" ON "appointment_reminders" USING btree ("due_at") WHERE state = 'waiting';--> statement-breakpoint
CREATE INDEX "appointment_reminders_past" ON "appointment_reminders" USING btree ("due_at") WHERE state <> 'waiting';--> statement-breakpoint
CREATE INDEX "appointment_reminders_of" ON "appointment_reminders" USING btree ("appointment_id");--> statement-breakpoint
CREATE UNIQUE INDEX "appointment_reviews_appointment" ON "appointment_reviews" USING btree ("appointment_id");--> statement-breakpoint
CREATE INDEX "appointment_reviews_service" ON "appointment_reviews" USING btree ("service_id","id");--> statement-breakpoint
CREATE INDEX "appointment_reviews_user" ON "appointment_reviews" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "appointment_services_grown" ON "appointment_services" USING btree ("grown_from") WHERE grown_from is not null;--> statement-breakpoint
CREATE INDEX "appointment_services_payee" ON "appointment_services" USING btree ("payee_id") WHERE payee_id is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "appointment_staff_user" ON "appointment_staff" USING btree ("user_id") WHERE user_id is not null;--> statement-breakpoint
CREATE INDEX "appointment_staff_services_service" ON "appointment_staff_services" USING btree ("service_id");--> statement-breakpoint
CREATE INDEX "appointment_waits_line" ON "appointment_waits" USING btree ("service_id","since","id") WHERE state = 'waiting';--> statement-breakpoint
CREATE INDEX "appointment_waits_when" ON "appointment_waits" USING btree ("service_id","to_at","from_at") WHERE state = 'waiting';--> statement-breakpoint
CREATE INDEX "appointment_waits_offered" ON "appointment_waits" USING btree ("service_id") WHERE state = 'offered';--> statement-breakpoint
CREATE INDEX "appointment_waits_over" ON "appointment_waits" USING btree ("to_at") WHERE state = 'waiting';--> statement-breakpoint
CREATE INDEX "appointment_waits_ended" ON "appointment_waits" USING btree ("ended_at") WHERE state = 'ended';--> statement-breakpoint
CREATE INDEX "appointment_waits_user" ON "appointment_waits" USING btree ("user_id","id");--> statement-breakpoint
CREATE INDEX "code_sends_destination" ON "code_sends" USING btree ("destination","created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "deliveries_way" ON "deliveries" USING btree ("notification_id","track","medium");--> statement-breakpoint
CREATE INDEX "deliveries_due" ON "deliveries" USING btree ("medium","lane","due_at") WHERE state = 'waiting';--> statement-breakpoint
CREATE INDEX "deliveries_expiry" ON "deliveries" USING btree ("expires_at") WHERE state = 'waiting' and expires_at is not null;--> statement-breakpoint
CREATE INDEX "deliveries_fallback" ON "deliveries" USING btree ("fallback_at") WHERE fallback_at is not null;--> statement-breakpoint
CREATE INDEX "deliveries_digest" ON "deliveries" USING btree ("recipient","medium","id") WHERE digest and state = 'waiting';--> statement-breakpoint
CREATE INDEX "deliveries_dead" ON "deliveries" USING btree ("id") WHERE state = 'dead';--> statement-breakpoint
CREATE INDEX "deliveries_provider" ON "deliveries" USING btree ("provider","provider_id") WHERE provider_id is not null;--> statement-breakpoint
CREATE INDEX "deliveries_sent" ON "deliveries" USING btree ("recipient","medium","accepted_at") WHERE accepted_at is not null;--> statement-breakpoint
CREATE INDEX "delivery_receipts_at" ON "delivery_receipts" USING btree ("at");--> statement-breakpoint
CREATE UNIQUE INDEX "notifications_unique_key" ON "notifications" USING btree ("unique_key");--> statement-breakpoint
CREATE INDEX "notifications_secrets" ON "notifications" USING btree ("expires_at") WHERE sealed_secret is not null;--> statement-breakpoint
CREATE INDEX "notifications_recipient" ON "notifications" USING btree ("recipient","id");--> statement-breakpoint
CREATE INDEX "notifications_inbox" ON "notifications" USING btree ("user_id","due_at","id") WHERE in_app;--> statement-breakpoint
CREATE INDEX "notifications_unread" ON "notifications" USING btree ("user_id","due_at","id") WHERE in_app and read_at is null;--> statement-breakpoint
CREATE UNIQUE INDEX "suppressions_address" ON "suppressions" USING btree ("address_hash","medium");--> statement-breakpoint
CREATE UNIQUE INDEX "notification_targets_address" ON "notification_targets" USING btree ("address_hash");--> statement-breakpoint
CREATE INDEX "notification_targets_user" ON "notification_targets" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "events_lane" ON "events" USING btree ("lane","id") WHERE lane is not null;--> statement-breakpoint
CREATE INDEX "work_dead" ON "work" USING btree ("id") WHERE state = 'dead';--> statement-breakpoint
CREATE UNIQUE INDEX "work_unique_key" ON "work" USING btree ("kind","unique_key") WHERE unique_key is not null;--> statement-breakpoint
CREATE INDEX "work_due" ON "work" USING btree ("kind","due_at") WHERE state = 'waiting';--> statement-breakpoint
CREATE INDEX "work_order" ON "work" USING btree ("kind","ordering_key","id") WHERE ordering_key is not null;