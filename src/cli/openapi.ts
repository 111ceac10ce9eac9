/** Prints the OpenAPI document, for generating clients. */
import { createApp } from '../app'
import { silentLog } from '../platform/observability/log'
import { createMetrics } from '../platform/observability/metrics'
import type { Runtime } from '../platform/runtime'
import { createKeyring } from '../platform/security/keyring'
import type { Verb } from '.'

const random = (bytes: number) => new Uint8Array(bytes)

export const openapi: Verb = {
  name: 'openapi',
  summary: 'Print the OpenAPI document. Needs no database.',
  usage: 'openapi > kumbu.json',
  flags: {},
  async run({ config }) {
    const runtime: Runtime = {
      // Describing the routes asks nothing of the database.
      store: { engine: 'sqlite' } as Runtime['store'],
      clock: () => 0,
      random,
      newId: (prefix) => prefix,
      keyring: createKeyring(random(32), random),
      log: silentLog,
      metrics: createMetrics(),
    }
    console.log(JSON.stringify(createApp({ ...config, mode: 'production' }, runtime).document(), null, 2))
    return 0
  },
}
