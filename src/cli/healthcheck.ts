/** Asks a running instance whether it can serve; for containers and service managers. */
import type { Verb } from '.'

const TIMEOUT_MS = 5_000

export const healthcheck: Verb = {
  name: 'healthcheck',
  summary: 'Ask the instance on this machine whether it can serve; exit code 0 if so.',
  usage: 'healthcheck [--port 3000]',
  flags: {},
  async run({ config }) {
    const host = config.host === '0.0.0.0' ? '127.0.0.1' : config.host
    const address = `http://${host}:${config.port}/ready`
    try {
      const response = await fetch(address, { signal: AbortSignal.timeout(TIMEOUT_MS) })
      console.log(await response.text())
      return response.ok ? 0 : 1
    } catch {
      console.error(`Nothing answers at ${address}.`)
      return 1
    }
  },
}
