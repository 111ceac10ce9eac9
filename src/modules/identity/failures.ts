/** What identity refuses, and how HTTP says it. */
import type { Failures } from '../../platform/http/problem'

/** What a payment may be refused for before any money is looked at. */
export type PinCode = 'pin_not_set' | 'pin_wrong' | 'pin_locked'

export type IdentityCode =
  | PinCode
  | 'code_invalid'
  | 'credentials_invalid'
  | 'account_pending'
  | 'account_frozen'
  | 'account_closed'
  | 'sign_in_busy'
  | 'challenge_invalid'
  | 'method_not_available'
  | 'second_factor_locked'
  | 'second_factor_needed'
  | 'refresh_token_invalid'
  | 'email_taken'
  | 'phone_taken'
  | 'phone_not_served'
  | 'phone_missing'
  | 'user_not_found'
  | 'role_protected'
  | 'status_conflict'
  | 'password_wrong'
  | 'password_common'
  | 'reset_token_invalid'
  | 'step_up_required'
  | 'totp_present'
  | 'totp_absent'
  | 'passkey_invalid'
  | 'passkey_present'
  | 'passkey_not_found'
  | 'session_not_found'
  | 'device_not_found'
  | 'api_key_not_found'
  | 'too_many'
  | 'scope_not_grantable'
  | 'money_left'
  | 'pin_trivial'
  | 'till_closed'
  | 'setup_token_invalid'

export const pinFailures: Failures<PinCode> = {
  pin_not_set: { status: 409, title: 'Choose a PIN first (PUT /api/v1/auth/pin).' },
  pin_wrong: { status: 403, title: 'The PIN is wrong.' },
  pin_locked: { status: 423, title: 'Too many wrong PINs: wait until the lock ends.' },
}

export const identityFailures: Failures<IdentityCode> = {
  ...pinFailures,
  code_invalid: { status: 422, title: 'The code is wrong, was used, or has expired.' },
  credentials_invalid: { status: 401, title: 'The e-mail or the password is wrong.' },
  account_pending: { status: 403, title: 'Confirm your e-mail address first, with the code that was sent to it.' },
  account_frozen: { status: 403, title: 'This account is frozen. Ask the operator.' },
  account_closed: { status: 403, title: 'This account is closed.' },
  sign_in_busy: { status: 503, title: 'Too many people are signing in at this moment: try again in a few seconds.' },
  challenge_invalid: {
    status: 401,
    title: 'This sign-in was completed, guessed at too often, or has expired: begin again.',
  },
  method_not_available: { status: 422, title: 'This second factor is not set up.' },
  second_factor_locked: { status: 423, title: 'Too many wrong codes: wait until the lock ends.' },
  second_factor_needed: {
    status: 409,
    title: 'Your role needs a second factor: set another one up before you remove this one.',
  },
  refresh_token_invalid: { status: 401, title: 'The refresh token is not valid any more: sign in again.' },
  email_taken: { status: 409, title: 'Another account has this e-mail address.' },
  phone_taken: { status: 409, title: 'Another account has this phone number.' },
  phone_not_served: { status: 422, title: 'Codes cannot be sent to numbers of this country.' },
  phone_missing: { status: 409, title: 'There is no phone number that waits to be confirmed.' },
  user_not_found: { status: 404, title: 'There is no such user.' },
  role_protected: {
    status: 403,
    title: 'Only an operator may do this to somebody of this role, and nobody to themselves.',
  },
  status_conflict: { status: 409, title: 'The account is in a state that does not allow this.' },
  password_wrong: { status: 403, title: 'The password is wrong.' },
  password_common: { status: 422, title: 'This password is easy to guess, or was in a data breach: choose another.' },
  reset_token_invalid: { status: 422, title: 'This link was used, or has expired: ask for a new one.' },
  step_up_required: {
    status: 403,
    title: 'Prove again that it is you (POST /api/v1/auth/step-up), with your password or a second factor.',
  },
  totp_present: { status: 409, title: 'An authenticator app is set up already: remove it first.' },
  totp_absent: { status: 409, title: 'No authenticator app is being set up (POST /api/v1/auth/2fa/totp).' },
  passkey_invalid: { status: 422, title: 'The passkey’s answer does not fit what was asked of it.' },
  passkey_present: { status: 409, title: 'This passkey is registered already.' },
  passkey_not_found: { status: 404, title: 'There is no such passkey.' },
  session_not_found: { status: 404, title: 'There is no such session.' },
  device_not_found: { status: 404, title: 'There is no such device.' },
  api_key_not_found: { status: 404, title: 'There is no such key.' },
  too_many: { status: 409, title: 'There are as many as there may be: remove one first.' },
  scope_not_grantable: { status: 422, title: 'Your role does not allow you to hand this on.' },
  money_left: { status: 409, title: 'There is money in the wallet, or held: withdraw it first.' },
  till_closed: { status: 403, title: 'The till that you work at is closed.' },
  pin_trivial: {
    status: 422,
    title: 'This PIN is too easy to guess: choose one that is no row or repetition of digits.',
  },
  setup_token_invalid: {
    status: 403,
    title: 'This set-up link was used, or is not the one that was printed at the start.',
  },
}
