/** What notifications refuse, and how HTTP says it. */
import type { Failures } from '../../platform/http/problem'

export type NotificationCode =
  | 'template_not_found'
  | 'template_exists'
  | 'template_invalid'
  | 'template_data_missing'
  | 'template_protected'
  | 'template_built_in'
  | 'template_in_use'
  | 'template_wordless'
  | 'version_not_found'
  | 'route_unsafe'
  | 'route_invalid'
  | 'period_too_long'
  | 'send_at_too_far'
  | 'send_at_past'
  | 'expires_too_soon'
  | 'recipient_unknown'
  | 'code_sent_too_often'
  | 'channel_off'
  | 'notification_not_found'
  | 'not_dead'
  | 'nothing_waits'
  | 'suppression_not_found'
  | 'address_unfit'
  | 'target_not_found'
  | 'target_address_refused'
  | 'too_many_targets'
  | 'time_zone_unknown'
  | 'quiet_hours_empty'
  | 'receipt_forged'
  | 'receipt_malformed'
  | 'provider_unknown'

export const notificationFailures: Failures<NotificationCode> = {
  template_not_found: { status: 404, title: 'There is no such template.' },
  template_exists: { status: 409, title: 'There is a template of this name already.' },
  template_invalid: { status: 422, title: 'The template has a fault.' },
  template_data_missing: { status: 422, title: 'The template needs a value that was not given.' },
  template_protected: {
    status: 403,
    title: 'What Kumbu itself says of money and security is sent, and called off, by nobody else.',
  },
  template_built_in: { status: 409, title: 'This template is built in: only its words and ways can be changed.' },
  template_in_use: { status: 409, title: 'Messages of this template wait to be sent: it goes when they are gone.' },
  template_wordless: { status: 409, title: 'A template of your own has words in one language at least.' },
  version_not_found: { status: 404, title: 'There is no such version of these words.' },
  route_unsafe: {
    status: 422,
    title: 'What is about security needs e-mail, SMS or WhatsApp; what holds a secret takes no other way.',
  },
  route_invalid: { status: 422, title: 'This route names a channel twice, or waits for receipts that nobody brings.' },
  period_too_long: { status: 422, title: 'Figures go back seven days at the most.' },
  send_at_past: { status: 422, title: 'The moment at which it shall be sent is long over.' },
  expires_too_soon: { status: 422, title: 'It would have ended before it could be sent.' },
  send_at_too_far: { status: 422, title: 'A message can be put off for a year at the most.' },
  recipient_unknown: { status: 404, title: 'There is no such person.' },
  code_sent_too_often: { status: 429, title: 'A code went there a short while ago, or many did today: wait a little.' },
  channel_off: { status: 422, title: 'None of these channels is set up here.' },
  notification_not_found: { status: 404, title: 'There is no such notification.' },
  not_dead: { status: 409, title: 'This notification is not dead: there is nothing to send again.' },
  nothing_waits: { status: 409, title: 'Nothing of this message waits any more: there is nothing to call off.' },
  address_unfit: { status: 422, title: 'None of these channels goes to such an address.' },
  suppression_not_found: { status: 404, title: 'This address is not suppressed.' },
  target_not_found: { status: 404, title: 'There is no such device or endpoint of yours.' },
  // One answer for all: which names there are in the house is nobody’s business.
  target_address_refused: { status: 422, title: 'Messages go to public https addresses only, and this is none.' },
  too_many_targets: { status: 422, title: 'You have too many devices: remove one first.' },
  time_zone_unknown: { status: 422, title: 'There is no such time zone: use a name such as Africa/Maputo.' },
  quiet_hours_empty: { status: 422, title: 'Quiet hours end at another time than they begin; null means none.' },
  receipt_forged: { status: 401, title: 'The receipt is not signed by the provider.' },
  receipt_malformed: { status: 400, title: 'The receipt cannot be read.' },
  provider_unknown: { status: 404, title: 'There is no such provider here.' },
}
