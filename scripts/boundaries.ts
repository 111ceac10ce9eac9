/**
 * The rules of the house, checked from the code's own imports: imports run one way (main, cli, app, modules, platform),
 * a module is reached through its face, modules form no circle, and no table is touched by another module.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

interface Import {
  from: string
  to: string
}

/** The floors, top to bottom: a file may import from its own floor and from those below it. */
const FLOORS: ReadonlyArray<readonly [name: string, holds: (file: string) => boolean]> = [
  ['main', (file) => file === 'main.ts'],
  ['cli', (file) => file.startsWith('cli/')],
  ['app', (file) => file === 'app.ts'],
  ['web', (file) => file.startsWith('web/')],
  ['modules', (file) => file.startsWith('modules/')],
  ['config', (file) => file.startsWith('config/')],
  ['platform', (file) => file.startsWith('platform/')],
]

export function boundaryFaults(root: string): string[] {
  const source = join(root, 'src')
  const imports = sourceFiles(source).flatMap((file) => importsOf(source, file))
  return faultsOf(imports)
}

/** What is wrong with a set of imports; paths are relative to `src`. */
export function faultsOf(imports: readonly Import[]): string[] {
  const faults: string[] = []
  for (const { from, to } of imports) {
    const [above, below] = [floorOf(from), floorOf(to)]
    if (above < 0) faults.push(`${from} is on no floor`)
    if (below >= 0 && below < above) faults.push(`${from} imports ${to}, which is a floor above it`)
    const [mine, theirs] = [moduleOf(from), moduleOf(to)]
    if (theirs !== undefined && mine !== theirs && to !== `modules/${theirs}/index.ts`) {
      faults.push(`${from} reaches into ${to}; import modules/${theirs} instead`)
    }
    if (roomOf(to) !== roomOf(from) && to.endsWith('/schema.ts')) {
      faults.push(`${from} uses the tables of ${to}`)
    }
  }
  return [...faults, ...circles(imports)]
}

const floorOf = (file: string) => FLOORS.findIndex(([, holds]) => holds(file))
const moduleOf = (file: string) => /^modules\/([^/]+)\//.exec(file)?.[1]
const roomOf = (file: string) => /^(modules|platform)\/[^/]+/.exec(file)?.[0]

function circles(imports: readonly Import[]): string[] {
  const needs = new Map<string, Set<string>>()
  for (const { from, to } of imports) {
    const [mine, theirs] = [moduleOf(from), moduleOf(to)]
    if (mine === undefined || theirs === undefined || mine === theirs) continue
    needs.set(mine, (needs.get(mine) ?? new Set()).add(theirs))
  }
  const faults = new Set<string>()
  const walk = (path: string[]): void => {
    for (const next of needs.get(path.at(-1) as string) ?? []) {
      const seen = path.indexOf(next)
      if (seen < 0) walk([...path, next])
      else faults.add(`modules in a circle: ${[...path.slice(seen), next].sort().join(', ')}`)
    }
  }
  for (const name of needs.keys()) walk([name])
  return [...faults]
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file))
}

function importsOf(source: string, file: string): Import[] {
  const transpiler = new Bun.Transpiler({ loader: 'ts' })
  const text = readFileSync(file, 'utf8')
  // The transpiler drops imports of types, and they count too.
  const named = [...text.matchAll(/(?:import|export)\s+type\s[^'"]*?from\s+['"]([^'"]+)['"]/g)].map(
    ([, path]) => path as string,
  )
  const paths = [...transpiler.scanImports(text).map(({ path }) => path), ...named]
  return paths
    .filter((path) => path.startsWith('.'))
    .map((path) => ({ from: relative(source, file), to: relative(source, resolvePath(resolve(dirname(file), path))) }))
    .filter(({ to }) => !to.startsWith('..'))
}

function resolvePath(path: string): string {
  for (const candidate of [path, `${path}.ts`, join(path, 'index.ts')]) {
    if (candidate.endsWith('.ts')) {
      try {
        readFileSync(candidate)
        return candidate
      } catch {
        // The next form, then.
      }
    }
  }
  return path
}
