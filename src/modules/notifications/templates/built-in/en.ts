/** The built-in words in English. */
import type { CodePurpose, SecurityChange } from '../../../identity'
import type { TransferType } from '../../../ledger'
import type { Words } from '../template'
import { choose, paragraphs } from './choose'
import type { DepositOutcome, StaffNews, TemplateName } from './data'

const purpose = choose<CodePurpose>('purpose', {
  verify_email: 'to open your account',
  verify_phone: 'to confirm your phone number',
  change_email: 'to confirm your new e-mail address',
  change_phone: 'to confirm your phone number',
  second_factor: 'to sign in or to confirm a change',
})

const change = choose<SecurityChange>('change', {
  password_changed: 'Your password was changed.',
  pin_changed: 'Your PIN was changed.',
  email_changed: 'The e-mail address of your account was changed.',
  phone_changed: 'The phone number of your account was changed.',
  phone_removed: 'The phone number of your account was removed.',
  phone_taken_over: 'Your phone number was confirmed by another account, so it is no longer yours here.',
  totp_added: 'An authenticator app was set up for your account.',
  totp_removed: 'The authenticator app was removed from your account.',
  email_factor_added: 'Codes by e-mail are a second factor of your account now.',
  email_factor_removed: 'Codes by e-mail are no second factor of your account any more.',
  sms_factor_added: 'Codes by SMS are a second factor of your account now.',
  sms_factor_removed: 'Codes by SMS are no second factor of your account any more.',
  passkey_added: 'A passkey was added to your account.',
  passkey_removed: 'A passkey was removed from your account.',
  recovery_codes_made: 'New recovery codes were made for your account; those before are worth nothing.',
  recovery_code_used: 'A recovery code was used to sign in to your account.',
  factors_reset: 'Your second factors were removed by the operator, and you were signed out everywhere.',
  api_key_made: 'An API key was made for your account.',
  application_allowed: 'An application was allowed to act for your account.',
  second_factor_locked:
    'Somebody who knows your password typed ten wrong codes. Codes are locked for a while: change your password.',
  sign_ins_failing: 'Somebody has tried many wrong passwords on your account. It is not locked, and they are not in.',
  account_closed: 'Your account was closed.',
  endpoint_added: 'Your messages are posted to an endpoint on the internet from now on.',
  endpoint_paused: 'Your endpoint refused twenty messages in a row: name it again to have more posted there.',
  device_added: 'Your messages are pushed to another browser or phone from now on.',
})

const movement = choose<TransferType>(
  'type',
  {
    transfer: 'Transfer',
    deposit: 'Cash in',
    withdrawal: 'Withdrawal',
    billpay: 'Bill payment',
    merchantpay: 'Payment to a merchant',
    disbursement: 'Disbursement',
    adjustment: 'Adjustment',
    reversal: 'Reversal',
    issuance: 'Float issued',
  },
  'Movement',
)

const deposit = choose<DepositOutcome>('depositOutcome', {
  none: '',
  returned: 'Your deposit of {{ deposit | money: currency }} was returned to you.',
  kept: 'Your deposit of {{ deposit | money: currency }} is not returned.',
})

const NOT_YOU = 'If this was not you, call your operator at once.'
/** Not where somebody else is at work already, and the words say what to do. */
const CALL = `{% unless change == "second_factor_locked" or change == "sign_ins_failing" %}${NOT_YOU}{% endunless %}`
const MINUTES = '{{ minutes }} {% if minutes == 1 %}minute{% else %}minutes{% endif %}'
const FEE = '{% if fee > 0 %}The fee was {{ fee | money: currency }}.{% endif %}'
const BALANCE = 'Your balance is {{ balance | money: currency }}.'
const TRANSFER = 'Reference: {{ transferId }}'
const WITHDRAWAL = 'Reference: {{ withdrawalId }}'
const APPOINTMENT = 'Reference: {{ appointmentId }}'
const ALL_OF_IT = '{{ amount | plus: fee | money: currency }}'
const BACK = `${ALL_OF_IT} is available to you again.`
const WITH = '{% if staff != blank %} with {{ staff }}{% endif %}'
const AT = '{% if place != blank %}\nWhere: {{ place }}{% endif %}'
const STARTS = '{{ startsAt | moment: timeZone }}'
const staffNews = choose<StaffNews>('what', {
  booked: 'A new appointment with you',
  moved: 'An appointment with you has a new time',
  left: 'An appointment has left your diary',
  cancelled: 'An appointment with you was cancelled',
})
const STARTS_SHORT = '{{ startsAt | day: timeZone }} {{ startsAt | time: timeZone }}'

const LEAD = 'See it or cancel it here:'

const BOOKED = [
  `{{ service }}${WITH}\nWhen: ${STARTS}, until {{ endsAt | time: timeZone }}${AT}`,
  '{% if price > 0 %}The price is {{ price | money: currency }}.{% endif %}{% if deposit > 0 %} A deposit of {{ deposit | money: currency }} is held.{% endif %}',
  '{% if cancelUntil %}You can cancel without losing anything until {{ cancelUntil | moment: timeZone }}.{% elsif deposit > 0 %}If you cancel, your deposit is not returned.{% endif %}',
  APPOINTMENT,
  LEAD,
  '{{ link }}',
]

export const en: Record<TemplateName, Words> = {
  code: {
    subject: '{{ code }} is your {{ brand }} code',
    text: paragraphs(
      `Your code{% if purpose %} ${purpose}{% endif %} is **{{ code }}**.`,
      `It works once, for ${MINUTES}. Tell it to nobody, not even to us.`,
    ),
    short: `{{ brand }}: {{ code }} is your code{% if purpose %} ${purpose}{% endif %}. Once, for ${MINUTES}. Tell it to nobody.`,
  },
  welcome: {
    subject: 'Welcome to {{ brand }}',
    text: paragraphs('Your account is open.', 'Choose a PIN next: it authorizes every payment, and only you know it.'),
    short: '{{ brand }}: your account is open. Choose a PIN next: it authorizes every payment.',
  },
  registration_repeated: {
    subject: 'You have an account already',
    text: paragraphs(
      'Somebody tried to register with your e-mail address. You have an account already: just sign in.',
      NOT_YOU,
    ),
  },
  sessions_revoked: {
    subject: 'You were signed out',
    text: paragraphs(
      'A used sign-in came back a second time, so we ended that session to be safe. Sign in again.',
      NOT_YOU,
    ),
    short: `{{ brand }}: you were signed out, to be safe. Sign in again. ${NOT_YOU}`,
  },
  password_reset: {
    subject: 'Choose a new password',
    text: paragraphs(
      'Somebody, we hope you, asked for a new password. Choose it here:',
      '{{ link }}',
      `The link works once, for ${MINUTES}. If this was not you, do nothing: your password stays as it is.`,
    ),
    short: `{{ brand }}: choose a new password within ${MINUTES}: {{ link }}`,
  },
  password_changed: {
    subject: 'Your password was changed',
    text: paragraphs('Your password was changed. Other devices were signed out.', NOT_YOU),
    short: `{{ brand }}: Your password was changed. ${NOT_YOU}`,
  },
  new_device: {
    subject: 'A new device signed in',
    text: paragraphs(
      'Somebody signed in to your account from a device that you had not used before:',
      '{{ userAgent }}, from {{ address }}, on {{ at | moment }}',
      'If this was you, there is nothing to do. If not, change your password and sign out everywhere at once.',
    ),
    short: '{{ brand }}: a new device signed in to your account. If this was not you, change your password at once.',
  },
  security_changed: {
    subject: change,
    text: paragraphs(change, CALL),
    short: `{{ brand }}: ${change} ${CALL}`,
  },
  money_sent: {
    subject: 'You sent {{ amount | money: currency }}',
    text: paragraphs('You sent {{ amount | money: currency }} to {{ to }}.', FEE, BALANCE, TRANSFER, NOT_YOU),
    short:
      '{{ brand }}: you sent {{ amount | money: currency }} to {{ to }}. Balance: {{ balance | money: currency }}.',
  },
  money_received: {
    subject: 'You received {{ amount | money: currency }}',
    text: paragraphs('{{ from }} sent you {{ amount | money: currency }}.', BALANCE, TRANSFER),
    short: '{{ brand }}: {{ from }} sent you {{ amount | money: currency }}. Balance: {{ balance | money: currency }}.',
  },
  cash_in: {
    subject: 'You received {{ amount | money: currency }}',
    text: paragraphs('{{ from }} took your cash and credited {{ amount | money: currency }}.', BALANCE, TRANSFER),
    short:
      '{{ brand }}: {{ from }} took your cash and credited {{ amount | money: currency }}. Balance: {{ balance | money: currency }}.',
  },
  float_issued: {
    subject: 'Your float grew by {{ amount | money: currency }}',
    text: paragraphs('Your float is now {{ balance | money: currency }}.', TRANSFER),
    short: '{{ brand }}: your float grew by {{ amount | money: currency }} to {{ balance | money: currency }}.',
  },
  low_float: {
    subject: 'Your float is low: {{ balance | money: currency }}',
    text: paragraphs(
      'Your float is {{ balance | money: currency }}, under the {{ threshold | money: currency }} at which agents are told.',
      'Top it up before you have to turn a customer away.',
    ),
    short: '{{ brand }}: your float is low: {{ balance | money: currency }}.',
  },
  withdrawal_requested: {
    subject: 'A withdrawal of {{ amount | money: currency }} is waiting for you',
    text: paragraphs(
      `${ALL_OF_IT} is held until you take the cash, cancel, or the token expires.`,
      WITHDRAWAL,
      NOT_YOU,
    ),
    short: '{{ brand }}: a withdrawal of {{ amount | money: currency }} is waiting for you.',
  },
  withdrawal_code: {
    subject: 'Your token for a withdrawal of {{ amount | money: currency }}',
    text: paragraphs(
      'Your one-time token is **{{ token }}**.',
      'It pays out {{ amount | money: currency }} once, until {{ expiresAt | moment }}. Show it to nobody but the agent who pays you.',
      `{% if fee > 0 %}The fee is {{ fee | money: currency }}. {% endif %}${ALL_OF_IT} is held until then.`,
      WITHDRAWAL,
      NOT_YOU,
    ),
    short:
      '{{ brand }}: {{ token }} is your token for {{ amount | money: currency }} in cash, until {{ expiresAt | time }}. Show it to nobody but the agent who pays you.',
  },
  withdrawal_paid: {
    subject: 'You withdrew {{ amount | money: currency }}',
    text: paragraphs('{{ by }} paid you {{ amount | money: currency }} in cash.', FEE, WITHDRAWAL, NOT_YOU),
    short: '{{ brand }}: {{ by }} paid you {{ amount | money: currency }} in cash.',
  },
  withdrawal_paid_out: {
    subject: 'You paid out {{ amount | money: currency }}',
    text: paragraphs(
      'You paid {{ amount | money: currency }} in cash to {{ customer }}; your float grew by the same.',
      '{% if commission > 0 %}Your commission was {{ commission | money: currency }}.{% endif %}',
      WITHDRAWAL,
    ),
    short: '{{ brand }}: you paid {{ amount | money: currency }} in cash to {{ customer }}.',
  },
  withdrawal_cancelled: {
    subject: 'Your withdrawal was cancelled',
    text: paragraphs(BACK, WITHDRAWAL),
    short: `{{ brand }}: your withdrawal was cancelled. ${BACK}`,
  },
  withdrawal_expired: {
    subject: 'Your withdrawal token has expired',
    text: paragraphs(BACK, WITHDRAWAL),
    short: `{{ brand }}: your withdrawal token has expired. ${BACK}`,
  },
  withdrawal_reversed: {
    subject: 'Your withdrawal was reversed',
    text: paragraphs(
      `The cash was not handed over, so ${ALL_OF_IT} went back to your wallet, the fee included.`,
      WITHDRAWAL,
    ),
    short: `{{ brand }}: your withdrawal was reversed. ${BACK}`,
  },
  receipt: {
    subject: 'Receipt: {{ amount | money: currency }}',
    text: paragraphs(
      `${movement}: {{ amount | money: currency }}`,
      '{{ at | moment }}',
      FEE,
      'Your balance after it was {{ balance | money: currency }}.',
      TRANSFER,
    ),
    short: `{{ brand }}: ${movement} {{ amount | money: currency }}. Balance: {{ balance | money: currency }}.`,
  },
  appointment_confirmation: {
    subject: 'Your appointment: {{ service }}',
    text: paragraphs('Your appointment is booked.', ...BOOKED),
    short: `{{ brand }}: your appointment for {{ service }} is booked for ${STARTS_SHORT}. {{ link }}`,
  },
  appointment_moved: {
    subject: 'Your appointment was moved: {{ service }}',
    text: paragraphs('Your appointment has a new time.', ...BOOKED),
    short: `{{ brand }}: your appointment for {{ service }} was moved to ${STARTS_SHORT}. {{ link }}`,
  },
  appointment_cancelled: {
    subject: 'Your appointment was cancelled: {{ service }}',
    text: paragraphs(
      'This appointment will not take place:',
      `{{ service }}${WITH}\nWhen: ${STARTS}${AT}`,
      '{% if reason != blank %}Reason: {{ reason }}{% endif %}',
      deposit,
      APPOINTMENT,
      'See it here:',
      '{{ link }}',
    ),
    short: `{{ brand }}: your appointment for {{ service }} on ${STARTS_SHORT} was cancelled.`,
  },
  appointment_reminder: {
    subject: 'Your appointment is soon: {{ service }}',
    text: paragraphs('We expect you:', `{{ service }}${WITH}\nWhen: ${STARTS}${AT}`, APPOINTMENT, LEAD, '{{ link }}'),
    short: `{{ brand }}: we expect you for {{ service }} on ${STARTS_SHORT}. {{ link }}`,
  },
  appointment_missed: {
    subject: 'We missed you: {{ service }}',
    text: paragraphs(
      `You were expected for {{ service }} on ${STARTS}, and did not come.`,
      deposit,
      APPOINTMENT,
      'If this is not right, tell us.',
    ),
    short: `{{ brand }}: you did not come to your appointment for {{ service }} on ${STARTS_SHORT}.`,
  },
  appointment_for_staff: {
    subject: `${staffNews}: {{ service }}`,
    text: paragraphs(`${staffNews}.`, `{{ service }} for {{ customer }}\nWhen: ${STARTS}`, APPOINTMENT),
    short: `{{ brand }}: ${staffNews}: {{ service }}, {{ customer }}, ${STARTS_SHORT}.`,
  },
  deposit_taken: {
    subject: 'Your deposit was taken: {{ deposit | money: currency }}',
    text: paragraphs(
      'Your deposit of {{ deposit | money: currency }} for {{ service }} was taken.',
      APPOINTMENT,
      'If this is not right, tell us.',
    ),
    short: '{{ brand }}: your deposit of {{ deposit | money: currency }} for {{ service }} was taken.',
  },
  deposit_received: {
    subject: 'You received {{ deposit | money: currency }}',
    text: paragraphs('You received the deposit of {{ deposit | money: currency }} for {{ service }}.', APPOINTMENT),
    short: '{{ brand }}: you received the deposit of {{ deposit | money: currency }} for {{ service }}.',
  },
  deposit_refunded: {
    subject: 'Your deposit came back: {{ deposit | money: currency }}',
    text: paragraphs(
      'Your deposit of {{ deposit | money: currency }} for {{ service }} was given back to you.',
      APPOINTMENT,
    ),
    short: '{{ brand }}: your deposit of {{ deposit | money: currency }} for {{ service }} was given back.',
  },
  appointment_place_free: {
    subject: 'A place is free: {{ service }}',
    text: paragraphs(
      `A place has become free for {{ service }} on ${STARTS}.`,
      'It is kept for you until {{ offeredUntil | moment: timeZone }}. Take it here:',
      '{{ link }}',
    ),
    short: `{{ brand }}: a place is free for {{ service }} on ${STARTS_SHORT}. Take it here: {{ link }}`,
  },
  review_request: {
    subject: 'How was it? {{ service }}',
    text: paragraphs(`How was {{ service }}${WITH}? A minute of yours helps us:`, '{{ link }}'),
    short: '{{ brand }}: how was {{ service }}? Tell us here: {{ link }}',
  },
  digest: {
    subject: 'What happened: {{ count }} {% if count == 1 %}message{% else %}messages{% endif %}',
    text: paragraphs(
      'This waited for you:',
      '{% for item in items %}{{ item.at | moment }}\n{{ item.short }}\n\n{% endfor %}',
    ),
    short: '{{ brand }}: {{ count }} {% if count == 1 %}message{% else %}messages{% endif %} waited for you.',
  },
  announcement: {
    subject: '{{ title }}',
    text: '{{ message | lines }}',
    short: '{{ brand }}: {{ title }} - {{ message }}',
  },
}
