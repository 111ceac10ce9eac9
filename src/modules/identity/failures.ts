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
  | 'refresh_token_invalid'
  | 'email_taken'
  | 'phone_taken'
  | 'user_not_found'
  | 'status_conflict'
  | 'password_wrong'
  | 'pin_trivial'
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
  refresh_token_invalid: { status: 401, title: 'The refresh token is not valid any more: sign in again.' },
  email_taken: { status: 409, title: 'Another account has this e-mail address.' },
  phone_taken: { status: 409, title: 'Another account has this phone number.' },
  user_not_found: { status: 404, title: 'There is no such user.' },
  status_conflict: { status: 409, title: 'The account is in a state that does not allow this.' },
  password_wrong: { status: 403, title: 'The password is wrong.' },
  pin_trivial: {
    status: 422,
    title: 'This PIN is too easy to guess: choose one that is no row or repetition of digits.',
  },
  setup_token_invalid: {
    status: 403,
    title: 'This set-up link was used, or is not the one that was printed at the start.',
  },
}
