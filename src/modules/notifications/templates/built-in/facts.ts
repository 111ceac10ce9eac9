/** What of each built-in template is the same in every language, with values to show it by. */
import type { TemplateFacts } from '../template'
import type { TemplateData, TemplateName } from './data'

const AT = Date.UTC(2026, 8, 21, 14, 13)
const HOUR = 3_600_000

const moved = { amount: 2_500, currency: 'USD', balance: 48_000, transferId: 'txn_7h2k9m4p6q8r0s1t3v5w' }
const withdrawn = { amount: 5_000, fee: 50, currency: 'USD', withdrawalId: 'wdr_7h2k9m4p6q8r0s1t3v5w' }
const appointment = {
  service: 'Account opening',
  staff: 'Celeste Mondlane',
  place: 'Kumbu Baixa, Av. 25 de Setembro 420',
  startsAt: AT + 72 * HOUR,
  timeZone: 'Africa/Maputo',
  appointmentId: 'apt_7h2k9m4p6q8r0s1t3v5w',
  link: 'https://kumbu.example/appointments/apt_7h2k9m4p6q8r0s1t3v5w',
}
const { staff: _staff, place: _place, link: _link, ...appointmentAlone } = appointment
const booked = {
  ...appointment,
  endsAt: appointment.startsAt + HOUR / 2,
  price: 2_000,
  deposit: 500,
  currency: 'USD',
  cancelUntil: appointment.startsAt - 24 * HOUR,
}

type Facts<Name extends TemplateName> = TemplateFacts & { sample: TemplateData[Name] }

export const facts: { readonly [Name in TemplateName]: Facts<Name> } = {
  code: {
    category: 'security',
    secret: true,
    urgent: true,
    sample: { code: '482913', purpose: 'verify_email', minutes: 5 },
  },
  // Like everything that says how the account stands, it arrives whatever the person has switched off.
  welcome: { category: 'security', sample: {} },
  registration_repeated: { category: 'security', sample: {} },
  sessions_revoked: { category: 'security', sample: {} },
  password_reset: {
    category: 'security',
    secret: true,
    urgent: true,
    sample: { link: 'https://kumbu.example/reset-password?token=Zm9yIHRoZSBzYW1wbGU', minutes: 30 },
  },
  password_changed: { category: 'security', sample: {} },
  new_device: {
    category: 'security',
    sample: { userAgent: 'Firefox 143 on Android', address: '203.0.113.9', at: AT },
  },
  security_changed: { category: 'security', sample: { change: 'pin_changed' } },
  money_sent: { category: 'money', prompt: true, sample: { ...moved, fee: 25, to: 'Bruno Macuácua' } },
  money_received: { category: 'money', sample: { ...moved, from: 'Carla Sitoe' } },
  cash_in: { category: 'money', sample: { ...moved, from: 'Loja do João' } },
  float_issued: { category: 'money', sample: moved },
  low_float: { category: 'money', sample: { balance: 4_200, threshold: 10_000, currency: 'USD' } },
  withdrawal_requested: { category: 'money', prompt: true, sample: withdrawn },
  withdrawal_code: {
    category: 'security',
    secret: true,
    urgent: true,
    sample: { ...withdrawn, token: '4829135570', expiresAt: AT + HOUR },
  },
  withdrawal_paid: { category: 'money', prompt: true, sample: { ...withdrawn, by: 'Loja do João' } },
  withdrawal_paid_out: {
    category: 'money',
    sample: {
      amount: withdrawn.amount,
      currency: 'USD',
      withdrawalId: withdrawn.withdrawalId,
      commission: 25,
      customer: 'Carla Sitoe',
    },
  },
  withdrawal_cancelled: { category: 'money', sample: withdrawn },
  withdrawal_expired: { category: 'money', sample: withdrawn },
  withdrawal_reversed: { category: 'money', sample: withdrawn },
  receipt: { category: 'money', sample: { ...moved, amount: -2_500, type: 'billpay', fee: 25, at: AT } },
  appointment_confirmation: { category: 'appointments', sample: booked },
  appointment_moved: { category: 'appointments', sample: booked },
  appointment_cancelled: {
    category: 'appointments',
    sample: {
      ...appointment,
      deposit: 500,
      currency: 'USD',
      depositOutcome: 'returned',
      reason: 'We are closed on that day.',
    },
  },
  appointment_reminder: { category: 'appointments', sample: appointment },
  appointment_missed: {
    category: 'appointments',
    sample: { ...appointmentAlone, deposit: 500, currency: 'USD', depositOutcome: 'kept' },
  },
  appointment_for_staff: {
    category: 'appointments',
    sample: { ...appointmentAlone, customer: 'Carla Sitoe', what: 'booked' },
  },
  deposit_taken: {
    category: 'money',
    prompt: true,
    sample: { service: appointment.service, deposit: 500, currency: 'USD', appointmentId: appointment.appointmentId },
  },
  deposit_received: {
    category: 'money',
    sample: { service: appointment.service, deposit: 500, currency: 'USD', appointmentId: appointment.appointmentId },
  },
  deposit_refunded: {
    category: 'money',
    sample: { service: appointment.service, deposit: 500, currency: 'USD', appointmentId: appointment.appointmentId },
  },
  appointment_place_free: {
    category: 'appointments',
    prompt: true,
    sample: {
      service: appointment.service,
      startsAt: appointment.startsAt,
      timeZone: appointment.timeZone,
      offeredUntil: AT + 2 * HOUR,
      link: appointment.link,
    },
  },
  review_request: {
    category: 'appointments',
    sample: {
      service: appointment.service,
      staff: appointment.staff,
      link: appointment.link,
    },
  },
  digest: {
    category: 'news',
    sample: {
      count: 2,
      items: [
        { short: 'Kumbu: Carla Sitoe sent you USD 25.00.', at: AT - HOUR },
        { short: 'Kumbu: Your float is low: USD 42.00.', at: AT },
      ],
    },
  },
  announcement: {
    category: 'news',
    sample: { title: 'Open on Saturday', message: 'From October we are open on Saturdays from 8:00 to 13:00.' },
  },
}
