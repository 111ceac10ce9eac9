/** `docs/openapi.json` is the API as it was last agreed; a change of it is a decision, taken with `npm run check -- --update`. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export async function snapshotFault(root: string, update: boolean): Promise<string[]> {
  const file = join(root, 'docs/openapi.json')
  const made = Bun.spawnSync([process.execPath, join(root, 'src/main.ts'), 'openapi'], {
    cwd: root,
    env: { ...process.env, DATABASE_URL: '' },
  })
  if (made.exitCode !== 0) return [`kumbu openapi failed: ${made.stderr.toString()}`]
  const now = made.stdout.toString()
  if (update) writeFileSync(file, now)
  const agreed = existsSync(file) ? readFileSync(file, 'utf8') : ''
  if (agreed === now) return []
  return [
    'The API is no longer what docs/openapi.json says. If that is meant: npm run check -- --update, and commit it.',
  ]
}
