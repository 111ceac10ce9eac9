/** Messages that somebody asks for by name: an operator, a script, another program of the house. */
import type { Write } from '../../../platform/http/idempotency'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { Identity } from '../../identity'
import type { Medium } from '../channels/channel'
import { isTemplateName } from '../templates/built-in'
import type { TemplateEngine } from '../templates/engine'
import { asInvalid } from '../templates/soundness'
import type { Language, TemplateFacts } from '../templates/template'
import { isMailAddress, isPhoneNumber, plainAddress } from './address'
import type { Catalogue, Noted } from './catalogue'
import type { Notice } from './notice'
import type { Arranged, Outbox } from './outbox'
import type { PreferenceStore } from './preferences'
import type { Providers } from './providers'
import type { NotificationState } from './states'

export interface SendInput {
  /** A user id, or an e-mail address or phone number, of a user or of nobody known here. */
  to: string
  template: string
  data: Record<string, unknown>
  /** To be tried in this order; absent: the template's own ways. */
  channels?: readonly Medium[] | undefined
  language?: Language | undefined
  sendAt?: number | undefined
  expiresAt?: number | undefined
  /** The same person is told the same of the same thing once. */
  about?: string | undefined
}

export interface OtpInput {
  to: string
  code: string
  expiresInSeconds: number
  channel: 'email' | 'sms'
}

export interface Queued {
  id: string
  status: NotificationState
}

export type SendCode =
  | 'template_not_found'
  | 'template_protected'
  | 'template_data_missing'
  | 'template_invalid'
  | 'recipient_unknown'
  | 'channel_off'
  | 'send_at_too_far'
  | 'send_at_past'
  | 'expires_too_soon'

export interface Sending {
  send(input: SendInput, write: Write, noted: Noted): Promise<Result<Queued, SendCode>>
  /** A code of another program of the house, sent like our own: sealed on its way, and never late. */
  otp(input: OtpInput, write: Write, noted: Noted): Promise<Result<Queued, 'recipient_unknown' | 'channel_off'>>
  /** The welcome of a person who is active; said once. */
  welcome(to: string, write: Write, noted: Noted): Promise<Result<Queued, 'recipient_unknown'>>
}

const LONGEST_WAIT_MS = 366 * 24 * 3_600_000
/** Whoever is a little late wants it now; whoever is further off has mistaken the date or the zone. */
const LATE_AT_MOST_MS = 3_600_000

/** What Kumbu says of money and security is true because nobody else can say it. */
const isOurs = (template: string, { category }: TemplateFacts) =>
  isTemplateName(template) && template !== 'welcome' && (category === 'money' || category === 'security')

type Recipient = Pick<Notice, 'userId' | 'address'>

export function createSending(
  { clock, keyring }: Runtime,
  {
    identity,
    catalogue,
    engine,
    outbox,
    providers,
    preferences,
  }: {
    identity: Identity
    catalogue: Catalogue
    engine: TemplateEngine
    outbox: Outbox
    providers: Providers
    preferences: PreferenceStore
  },
): Sending {
  async function recipientOf(to: string): Promise<Recipient | undefined> {
    const user = await identity.find(to)
    if (user) return user.status === 'closed' ? undefined : { userId: user.id }
    const plain = plainAddress(to)
    if (isMailAddress(plain) || isPhoneNumber(plain)) return { userId: undefined, address: plain }
    return undefined
  }

  /** Words that cannot be filled are refused now, not when the message is due. */
  async function fills(
    { template, data, language }: SendInput,
    userId: string | undefined,
  ): Promise<Result<true, SendCode>> {
    const facts = await catalogue.factsOf(template)
    if (!facts) return fail('template_not_found', `There is no template "${template}".`)
    if (facts.secret || isOurs(template, facts)) return fail('template_protected')
    const chosen = await preferences.of(userId ?? null)
    const found = await catalogue.wordsOf(template, language ?? chosen.language)
    if (!found) return fail('template_not_found', `The template "${template}" has no words yet.`)
    const { timeZone } = chosen
    const options = { data, language: found.language, timeZone, name: undefined, facts }
    const filled = asInvalid(await engine.render(found.words, options))
    return filled.ok ? ok(true) : filled
  }

  const put = (arranged: Arranged, write: Write, noted: Noted) =>
    write(async (tx): Promise<Result<Queued, never>> => {
      const { id, status } = await outbox.put(tx, arranged)
      const { template, userId = null } = arranged.notice
      await noted(tx, 'message.send', id, { template, userId })
      return ok({ id, status })
    })

  return {
    async send(input, write, noted) {
      const { to, template, data, channels, language, sendAt, expiresAt, about = '' } = input
      const now = clock()
      if (sendAt !== undefined && sendAt > now + LONGEST_WAIT_MS) return fail('send_at_too_far')
      if (sendAt !== undefined && sendAt < now - LATE_AT_MOST_MS) return fail('send_at_past')
      if (expiresAt !== undefined && expiresAt <= Math.max(now, sendAt ?? now)) return fail('expires_too_soon')
      const recipient = await recipientOf(to)
      if (!recipient) return fail('recipient_unknown', 'Name a user, an e-mail address, or a phone number with +.')
      const allowed = await fills(input, recipient.userId)
      if (!allowed.ok) return allowed
      if (channels?.every((medium) => medium !== 'in_app' && !providers.isOn(medium))) return fail('channel_off')
      const tracks = channels && [
        channels.filter((medium) => medium !== 'in_app').map((medium) => ({ medium })),
        ...(channels.includes('in_app') ? [[{ medium: 'in_app' as const }]] : []),
      ]
      const notice: Notice = {
        ...recipient,
        template,
        data,
        about,
        byName: true,
        ...(tracks ? { tracks } : {}),
        language,
        dueAt: sendAt,
        expiresAt,
      }
      return put(await outbox.arrange(notice), write, noted)
    },

    async otp({ to, code, expiresInSeconds, channel }, write, noted) {
      const recipient = await recipientOf(to)
      if (!recipient) return fail('recipient_unknown', 'Name a user, an e-mail address, or a phone number with +.')
      if (!providers.isOn(channel)) return fail('channel_off')
      const notice: Notice = {
        ...recipient,
        template: 'code',
        data: { purpose: null },
        secret: { member: 'code', sealed: keyring.seal('code-in-transit', code) },
        about: '',
        only: channel === 'email' ? ['email'] : ['sms', 'whatsapp'],
        expiresAt: clock() + expiresInSeconds * 1000,
      }
      return put(await outbox.arrange(notice), write, noted)
    },

    async welcome(to, write, noted) {
      const user = await identity.find(to)
      if (user?.status !== 'active') return fail('recipient_unknown')
      return put(await outbox.arrange({ userId: user.id, template: 'welcome', data: {}, about: user.id }), write, noted)
    },
  }
}
