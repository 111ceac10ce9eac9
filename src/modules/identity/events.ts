/**
 * What identity tells others. Payloads carry ids; a code or a token travels sealed under the instance's key, and an
 * address that is not the user's own is named by its id (`Identity.addressOf`).
 */
import { Type } from '@sinclair/typebox'
import { eventType } from '../../platform/events'

const codePurposes = ['verify_email', 'verify_phone', 'change_email', 'change_phone', 'second_factor'] as const
export type CodePurpose = (typeof codePurposes)[number]

export type CodeChannel = 'email' | 'sms'

export const codeIssued = eventType(
  'identity.code_issued',
  Type.Object({
    userId: Type.String(),
    purpose: Type.Union(codePurposes.map((purpose) => Type.Literal(purpose))),
    channel: Type.Union([Type.Literal('email'), Type.Literal('sms')]),
    /** Where it goes, if that is not the user’s own address. */
    addressId: Type.Union([Type.String(), Type.Null()]),
    sealedCode: Type.String(),
    expiresAt: Type.Integer(),
  }),
)

export const userActivated = eventType('identity.user_activated', Type.Object({ userId: Type.String() }))

/** Somebody tried to register with the address of an account that exists, or to move an account to it. */
export const registrationRepeated = eventType('identity.registration_repeated', Type.Object({ userId: Type.String() }))

export const passwordResetAsked = eventType(
  'identity.password_reset_asked',
  Type.Object({ userId: Type.String(), sealedToken: Type.String(), expiresAt: Type.Integer() }),
)

export const sessionsRevoked = eventType(
  'identity.sessions_revoked',
  Type.Object({ userId: Type.String(), reason: Type.String() }),
)

/** A sign-in from a device that the person had not used before. */
export const newDeviceSeen = eventType(
  'identity.new_device_seen',
  Type.Object({ userId: Type.String(), sessionId: Type.String() }),
)

const securityChanges = [
  'password_changed',
  'pin_changed',
  'email_changed',
  'phone_changed',
  'phone_removed',
  'phone_taken_over',
  'totp_added',
  'totp_removed',
  'email_factor_added',
  'email_factor_removed',
  'sms_factor_added',
  'sms_factor_removed',
  'passkey_added',
  'passkey_removed',
  'recovery_codes_made',
  'recovery_code_used',
  'factors_reset',
  'api_key_made',
  'application_allowed',
  'second_factor_locked',
  'sign_ins_failing',
  'account_closed',
  'endpoint_added',
  'device_added',
  'endpoint_paused',
] as const
export type SecurityChange = (typeof securityChanges)[number]

/** Something about how a person signs in has changed; they hear of it on every channel that reaches them. */
export const securityChanged = eventType(
  'identity.security_changed',
  Type.Object({
    userId: Type.String(),
    change: Type.Union(securityChanges.map((change) => Type.Literal(change))),
    /** An address that hears of it too: the one before the change. */
    addressId: Type.Optional(Type.String()),
  }),
)
