/** Push messages to every device of a person, whichever provider serves it. */
import type { Channel, Sent } from './channel'
import { bestOf } from './push-targets'

export interface PushOptions {
  web?: Channel | undefined
  fcm?: Channel | undefined
}

export function createPush({ web, fcm }: PushOptions): Channel {
  const providers = [
    { kind: 'web', channel: web },
    { kind: 'fcm', channel: fcm },
  ].flatMap(({ kind, channel }) => (channel === undefined ? [] : [{ kind, channel }]))
  const channels = providers.map(({ channel }) => channel)

  return {
    provider: 'push',
    medium: 'push',
    concurrency: Math.max(1, ...channels.map(({ concurrency }) => concurrency)),
    async send(message): Promise<Sent> {
      // A provider without a device of its kind has nothing to say.
      const concerned = providers.filter(({ kind }) => message.push.some((target) => target.kind === kind))
      return bestOf(await Promise.all(concerned.map(({ channel }) => channel.send(message))))
    },
    async check() {
      const states = await Promise.all(channels.map(({ check }) => check()))
      return states.find(({ state }) => state === 'down') ?? states[0] ?? { state: 'off' }
    },
    close() {
      for (const channel of channels) channel.close()
    },
  }
}
