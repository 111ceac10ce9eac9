/**
 * Messages about what happened. An event becomes one job a message, in the transaction that ends the event’s delivery,
 * so each message is put in once; the job looks the person up, renders and sends, and is tried again while the channel
 * fails. Nothing that caused a message ever waits for it.
 */

import type { Static, TSchema } from '@sinclair/typebox'
import type { Tx } from '../../platform/db'
import type { Events, EventType, Happened } from '../../platform/events'
import type { Jobs } from '../../platform/jobs'
import { HopelessError } from '../../platform/queue'
import type { Runtime } from '../../platform/runtime'
import { cashInCompleted, floatIssued } from '../agents'
import { codeIssued, type Identity, registrationRepeated, sessionsRevoked, userActivated } from '../identity'
import { transferCompleted } from '../wallet'
import {
  type WithdrawalFacts,
  withdrawalCancelled,
  withdrawalExpired,
  withdrawalPaid,
  withdrawalRequested,
  withdrawalReversed,
} from '../withdrawals'
import type { Channel } from './channels/channel'
import { render, type TemplateName } from './templates'

/** One message to one person. Names of other people are looked up when it is sent; a code travels sealed. */
interface Notice {
  userId: string
  template: TemplateName
  data: Record<string, unknown>
  /** Members of `data` that are user ids, to be replaced by names. */
  people?: Record<string, string>
  sealedCode?: string
  /** After this it is not sent any more. */
  expiresAt?: number
}

const ATTEMPTS = 8

export function createNotifications(
  { clock, keyring, metrics }: Runtime,
  { identity, events, jobs }: { identity: Identity; events: Events; jobs: Jobs },
  channels: readonly Channel[],
): void {
  // With no channel there is nobody to tell, and the outbox keeps no deliveries for one.
  if (channels.length === 0) return

  const deliver = jobs.define<Notice & { channel: string }>({
    name: 'notifications.deliver',
    attempts: ATTEMPTS,
    run: async (notice) => {
      if (notice.expiresAt !== undefined && notice.expiresAt <= clock()) {
        metrics.messages.inc({ channel: notice.channel, outcome: 'expired' })
        return undefined
      }
      const user = await identity.find(notice.userId)
      if (!user) throw new HopelessError(`The user ${notice.userId} is not there.`)
      const data = await fill(notice)
      const message = render(notice.template, data as never, user.name)
      await channelOf(notice).send({ to: user.email, ...message })
      metrics.messages.inc({ channel: notice.channel, outcome: 'sent' })
      return undefined
    },
  })

  function channelOf({ channel }: { channel: string }): Channel {
    const found = channels.find(({ name }) => name === channel)
    if (!found) throw new HopelessError(`There is no channel "${channel}" any more.`)
    return found
  }

  async function fill({ data, people = {}, sealedCode }: Notice): Promise<Record<string, unknown>> {
    const names: Record<string, string> = {}
    for (const [member, userId] of Object.entries(people)) {
      names[member] = (await identity.find(userId))?.name ?? 'somebody'
    }
    const code = sealedCode === undefined ? {} : { code: keyring.open('code-in-transit', sealedCode) }
    return { ...data, ...names, ...code }
  }

  /** One job a message and channel, in order for each person. */
  const put = (tx: Tx, eventId: number, notice: Notice & { channel: string }) =>
    deliver(tx, notice, {
      uniqueKey: `${eventId} ${notice.template} ${notice.userId} ${notice.channel}`,
      orderingKey: `${notice.userId} ${notice.channel}`,
    })

  function tell<Payload extends TSchema>(
    type: EventType<Payload>,
    notices: (payload: Static<Payload>, event: Happened<Static<Payload>>) => Notice[],
  ): void {
    events.subscribe({
      name: 'notifications',
      to: type,
      handle: async (event) => async (tx) => {
        for (const notice of notices(event.payload, event)) {
          for (const { name } of channels) await put(tx, event.id, { ...notice, channel: name })
        }
      },
    })
  }

  tell(codeIssued, ({ userId, sealedCode, expiresAt }) => [
    { userId, template: 'verify_email', data: {}, sealedCode, expiresAt },
  ])
  tell(userActivated, ({ userId }) => [{ userId, template: 'welcome', data: {} }])
  tell(registrationRepeated, ({ userId }) => [{ userId, template: 'registration_repeated', data: {} }])
  tell(sessionsRevoked, ({ userId }) => [{ userId, template: 'sessions_revoked', data: {} }])

  tell(transferCompleted, ({ fromUserId, toUserId, fromBalance, toBalance, transferId, amount, fee, currency }) => [
    {
      userId: fromUserId,
      template: 'money_sent',
      data: { amount, fee, currency, transferId, balance: fromBalance },
      people: { to: toUserId },
    },
    {
      userId: toUserId,
      template: 'money_received',
      data: { amount, currency, transferId, balance: toBalance },
      people: { from: fromUserId },
    },
  ])
  tell(cashInCompleted, ({ customerId, agentId, customerBalance, transferId, amount, currency }) => [
    {
      userId: customerId,
      template: 'cash_in',
      data: { amount, currency, transferId, balance: customerBalance },
      people: { from: agentId },
    },
  ])
  tell(floatIssued, ({ agentId, ...data }) => [{ userId: agentId, template: 'float_issued', data }])

  const toCustomer = (template: TemplateName) => (facts: WithdrawalFacts) => [withdrawalNotice(template, facts)]
  tell(withdrawalRequested, toCustomer('withdrawal_requested'))
  tell(withdrawalCancelled, toCustomer('withdrawal_cancelled'))
  tell(withdrawalExpired, toCustomer('withdrawal_expired'))
  tell(withdrawalReversed, toCustomer('withdrawal_reversed'))
  tell(withdrawalPaid, (facts) => {
    const payer = facts.paidBy ?? ''
    return [
      { ...withdrawalNotice('withdrawal_paid', facts), people: { by: payer } },
      { ...withdrawalNotice('withdrawal_paid_out', facts), userId: payer, people: { customer: facts.userId } },
    ]
  })
}

function withdrawalNotice(template: TemplateName, { userId, ...data }: WithdrawalFacts): Notice {
  return { userId, template, data }
}
