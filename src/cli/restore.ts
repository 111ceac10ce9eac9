/** Puts a backup in the place of the database. */
import { lockDataFolder } from '../platform/db'
import { restoreBackup } from '../platform/db/backup'
import type { Verb } from '.'
import { locationOf } from './boot'
import { CommandError } from './command-error'

export const restore: Verb = {
  name: 'restore',
  summary: 'Replace the database by a backup. On SQLite the present one is kept aside; PostgreSQL must be empty.',
  usage: 'restore <backup file> [--data ./data] [--database-url postgres://…]',
  flags: {},
  async run({ config, words }) {
    const [file] = words
    if (file === undefined) throw new CommandError('Name the backup: kumbu restore <file>.')
    const folder = lockDataFolder(config.data)
    try {
      const aside = await restoreBackup(file, locationOf(config), folder.backups, Date.now())
      console.log(`Restored ${file}.`)
      if (aside) console.log(`The database as it was before: ${aside}`)
      console.log('Run kumbu verify-ledger, and start with the instance key that belongs to this backup.')
      return 0
    } finally {
      folder.unlock()
    }
  },
}
