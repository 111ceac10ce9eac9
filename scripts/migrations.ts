/**
 * Generates the migrations of both engines from the modules' schemas, then lists them in `migrations/index.ts`, from
 * where they are embedded in the executable. Run it after a schema changed: `npm run migrations -- <name>`.
 *
 * Rows that only triggers can guard, and SQLite's table options, are beyond what the generator writes: the first are
 * added by hand in a migration of their own (`npm run migrations -- <name> --custom`), the second here.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dir, '..')
const engines = ['sqlite', 'postgres'] as const
const name = process.argv[2]
const custom = process.argv.includes('--custom')
if (!name || name.startsWith('-')) {
  console.error('Usage: npm run migrations -- <name> [--custom]')
  process.exit(2)
}

for (const engine of engines) {
  const folder = join(root, 'migrations', engine)
  const before = sqlFiles(folder)
  const generated = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/drizzle-kit/bin.cjs'),
      'generate',
      `--dialect=${engine === 'sqlite' ? 'sqlite' : 'postgresql'}`,
      '--schema=./src/**/schema.ts',
      `--out=./migrations/${engine}`,
      `--name=${name}`,
      ...(custom ? ['--custom'] : []),
    ],
    {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, DATABASE_URL: engine === 'postgres' ? 'postgres://generate' : '' },
    },
  )
  if (generated.status !== 0) process.exit(generated.status ?? 1)
  if (engine === 'sqlite') {
    for (const file of sqlFiles(folder).filter((each) => !before.includes(each))) strictTables(join(folder, file))
  }
}
writeFileSync(join(root, 'migrations/index.ts'), listing())

function sqlFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((file) => file.endsWith('.sql'))
      .sort()
  } catch {
    return []
  }
}

/** STRICT tables refuse a value of another type; those whose key is no rising number are stored in the key's order. */
function strictTables(path: string): void {
  const source = readFileSync(path, 'utf8')
  const options = (body: string) => (/integer PRIMARY KEY/.test(body) ? 'STRICT' : 'STRICT, WITHOUT ROWID')
  writeFileSync(
    path,
    source.replace(/(CREATE TABLE [^;]*?\n\));/g, (_, body: string) => `${body} ${options(body)};`),
  )
}

function listing(): string {
  const lines = [
    '// Written by scripts/migrations.ts: the migrations of both engines, in order, embedded in the executable.',
  ]
  const lists: string[] = []
  for (const engine of engines) {
    const entries: string[] = []
    sqlFiles(join(root, 'migrations', engine)).forEach((file, i) => {
      const word = `${engine}${i}`
      lines.push(`import ${word} from './${engine}/${file}' with { type: 'text' }`)
      entries.push(`    { name: '${file.replace('.sql', '')}', sql: ${word} },`)
    })
    lists.push(`  ${engine}: [\n${entries.join('\n')}\n  ],`)
  }
  return `${lines.join('\n')}\n\nexport const migrations = {\n${lists.join('\n')}\n}\n`
}
