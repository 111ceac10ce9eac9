/** Brings the database up to date without serving. */
import { lockDataFolder, migrate } from '../platform/db'
import type { Verb } from '.'
import { locationOf } from './boot'

export const migrateVerb: Verb = {
  name: 'migrate',
  summary: 'Bring the database up to date, and do nothing else. (serve does it by itself.)',
  usage: 'migrate [--data ./data]',
  flags: {},
  async run({ config }) {
    const folder = lockDataFolder(config.data)
    try {
      const { applied, snapshot } = await migrate(locationOf(config), Date.now())
      console.log(applied.length === 0 ? 'The database is up to date.' : `Applied: ${applied.join(', ')}.`)
      if (snapshot) console.log(`The database as it was before: ${snapshot}`)
      return 0
    } finally {
      folder.unlock()
    }
  },
}
