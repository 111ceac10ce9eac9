// Written by scripts/migrations.ts: the migrations of both engines, in order, embedded in the executable.

import postgres0 from './postgres/0000_first.sql' with { type: 'text' }
import postgres1 from './postgres/0001_append_only.sql' with { type: 'text' }
import postgres2 from './postgres/0002_identity.sql' with { type: 'text' }
import postgres3 from './postgres/0003_messages.sql' with { type: 'text' }
import sqlite0 from './sqlite/0000_first.sql' with { type: 'text' }
import sqlite1 from './sqlite/0001_append_only.sql' with { type: 'text' }
import sqlite2 from './sqlite/0002_identity.sql' with { type: 'text' }
import sqlite3 from './sqlite/0003_messages.sql' with { type: 'text' }

export const migrations = {
  sqlite: [
    { name: '0000_first', sql: sqlite0 },
    { name: '0001_append_only', sql: sqlite1 },
    { name: '0002_identity', sql: sqlite2 },
    { name: '0003_messages', sql: sqlite3 },
  ],
  postgres: [
    { name: '0000_first', sql: postgres0 },
    { name: '0001_append_only', sql: postgres1 },
    { name: '0002_identity', sql: postgres2 },
    { name: '0003_messages', sql: postgres3 },
  ],
}
