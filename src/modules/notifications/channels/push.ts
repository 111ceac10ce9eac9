/** Push messages to every device of a person, whichever provider serves it. */
import type { Clock } from '../../../platform/ids'
import type { Channel, OutgoingMessage, Sent } from './channel'
import { createPeers } from './peers'
import { bestOf } from './push-targets'

export interface PushOptions {
  web?: Channel | undefined
  fcm?: Channel | undefined
  clock: Clock
}

export function createPush({ web, fcm, clock }: PushOptions): Channel {
  const providers = [
    { kind: 'web', channel: web },
    { kind: 'fcm', channel: fcm },
  ].flatMap(({ kind, channel }) => (channel === undefined ? [] : [{ kind, channel }]))
  const channels = providers.map(({ channel }) => channel)
  // When one of them is down the devices of the other get their messages.
  const kinds = createPeers(clock, { atOnce: Number.POSITIVE_INFINITY })

  return {
    provider: 'push',
    medium: 'push',
    concurrency: Math.max(1, ...channels.map(({ concurrency }) => concurrency)),
    async send(message): Promise<Sent> {
      // A provider without a device of its kind has nothing to say.
      const concerned = providers.filter(({ kind }) => message.push.some((target) => target.kind === kind))
      return bestOf(await Promise.all(concerned.map(({ kind, channel }) => ask(kind, channel, message))))
    },
    parts: () => (fcm === undefined ? [] : [['fcm', kinds.stateOf('fcm')]]),
    async check() {
      const states = await Promise.all(channels.map(({ check }) => check()))
      return states.find(({ state }) => state === 'down') ?? states[0] ?? { state: 'off' }
    },
    close() {
      for (const channel of channels) channel.close()
    },
  }

  /** Browsers choose their own services, which are told apart already. */
  function ask(kind: string, channel: Channel, message: OutgoingMessage): Promise<Sent> {
    return kind === 'web' ? channel.send(message) : kinds.ask(kind, () => channel.send(message))
  }
}
