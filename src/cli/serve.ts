/** Serves until it is told to stop, and then stops in order: requests, background work, database. */
import { createApp, VERSION } from '../app'
import type { Config } from '../config'
import { listen } from '../platform/http/server'
import type { Verb } from '.'
import { scheduleBackups } from './backup'
import { boot, locationOf } from './boot'
import { printWalkThrough, seedDemo } from './demo'

const DRAIN_MS = 10_000

export const serve: Verb = {
  name: 'serve',
  summary: 'Serve the API, Swagger UI and the screens.',
  usage: 'serve [--port 3000] [--data ./data] [--demo] …',
  flags: {},
  async run({ config }) {
    const booted = await boot(config)
    const { runtime, folder, migrated } = booted
    if (migrated.applied.length > 0) runtime.log.info({ migrated }, 'the database was brought up to date')
    const app = createApp(config, runtime)
    const seeded = config.demo && (await seedDemo(app, (unit) => runtime.store.write(unit)))
    scheduleBackups(app.jobs, config, folder, locationOf(config), runtime)
    const server = listen(app.pipeline, config.host, config.port)
    app.listensOn(server.port)
    app.start()
    await greet(config, app, server.port, seeded)
    await untilTold()
    runtime.log.info({}, 'stopping')
    await server.stop(DRAIN_MS)
    await app.stop()
    await booted.close()
    return 0
  },
}

function untilTold(): Promise<void> {
  return new Promise((resolve) => {
    const signals = ['SIGTERM', 'SIGINT'] as const
    for (const signal of signals) {
      process.once(signal, () => {
        // A second signal ends the process at once.
        for (const other of signals) process.once(other, () => process.exit(130))
        resolve()
      })
    }
  })
}

async function greet(config: Config, app: ReturnType<typeof createApp>, port: number, seeded: boolean): Promise<void> {
  const shownHost = ['0.0.0.0', '::', '127.0.0.1'].includes(config.host) ? 'localhost' : config.host
  const base = config.publicUrl ?? `http://${shownHost}:${port}`
  const lines = [
    `Kumbu ${VERSION} (${config.mode}) on ${base}`,
    `  API and try-out   ${base}/swagger`,
    `  health            ${base}/health`,
  ]
  if (app.inbox) lines.push(`  sent messages     ${base}/dev/inbox`)
  if (config.mode === 'production' && config.smtpUrl === undefined) {
    lines.push('  No mail server is set (KUMBU_SMTP_URL): codes and notices reach nobody.')
  }
  if (!(await app.identity.hasOperator())) {
    lines.push('', `Set up the operator (this link works once): ${base}/setup?token=${app.identity.setup.issueToken()}`)
  }
  console.log(lines.join('\n'))
  if (config.demo) printWalkThrough(base, seeded)
}
