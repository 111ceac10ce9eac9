/** The rules of the house: each is broken here once and found, and the source breaks none. */
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { boundaryFaults, faultsOf } from '../../scripts/boundaries'

const one = (from: string, to: string) => faultsOf([{ from, to }])

describe('imports', () => {
  test('run down the floors, or along one', () => {
    expect(
      faultsOf([
        { from: 'main.ts', to: 'cli/index.ts' },
        { from: 'cli/serve.ts', to: 'app.ts' },
        { from: 'cli/serve.ts', to: 'platform/db/index.ts' },
        { from: 'app.ts', to: 'modules/wallet/index.ts' },
        { from: 'app.ts', to: 'web/setup.ts' },
        { from: 'modules/wallet/service.ts', to: 'modules/ledger/index.ts' },
        { from: 'modules/wallet/service.ts', to: 'modules/wallet/schema.ts' },
        { from: 'modules/ledger/service/holds.ts', to: 'modules/ledger/schema.ts' },
        { from: 'modules/wallet/service.ts', to: 'platform/result.ts' },
        { from: 'config/parsers.ts', to: 'platform/money.ts' },
        { from: 'platform/queue/index.ts', to: 'platform/queue/schema.ts' },
        { from: 'platform/jobs/index.ts', to: 'platform/queue/index.ts' },
      ]),
    ).toEqual([])
  })

  test.each([
    ['platform/http/route.ts', 'modules/identity/index.ts'],
    ['platform/db/index.ts', 'config/index.ts'],
    ['platform/db/index.ts', 'app.ts'],
    ['modules/wallet/index.ts', 'app.ts'],
    ['modules/wallet/index.ts', 'web/setup.ts'],
    ['app.ts', 'cli/serve.ts'],
    ['cli/index.ts', 'main.ts'],
  ])('never run up: %s does not import %s', (from, to) => {
    expect(one(from, to)).toContain(`${from} imports ${to}, which is a floor above it`)
  })

  test('are only made by files on a floor', () => {
    expect(one('helpers.ts', 'platform/result.ts')).toEqual(['helpers.ts is on no floor'])
  })
})

describe('a module', () => {
  test.each([
    ['modules/wallet/service.ts', 'modules/ledger/posting.ts'],
    ['modules/wallet/service.ts', 'modules/ledger/service/index.ts'],
    ['app.ts', 'modules/ledger/routes.ts'],
    ['cli/verify-ledger.ts', 'modules/ledger/service/verify.ts'],
  ])('is reached through its face: %s does not import %s', (from, to) => {
    expect(one(from, to)).toEqual([`${from} reaches into ${to}; import modules/ledger instead`])
  })

  test('has its tables for itself', () => {
    const [from, to] = ['modules/wallet/service.ts', 'modules/ledger/schema.ts']
    expect(one(from, to)).toContain(`${from} uses the tables of ${to}`)
    expect(one('modules/wallet/service.ts', 'platform/queue/schema.ts')).toEqual([
      'modules/wallet/service.ts uses the tables of platform/queue/schema.ts',
    ])
    expect(one('platform/jobs/index.ts', 'platform/queue/schema.ts')).toEqual([
      'platform/jobs/index.ts uses the tables of platform/queue/schema.ts',
    ])
  })
})

describe('modules', () => {
  const needs = (from: string, to: string) => ({ from: `modules/${from}/service.ts`, to: `modules/${to}/index.ts` })

  test('may need one another', () => {
    expect(faultsOf([needs('a', 'b'), needs('b', 'c'), needs('a', 'c')])).toEqual([])
  })

  test('never in a circle, be it of two or of more', () => {
    for (const circle of [
      ['a', 'b'],
      ['a', 'b', 'c'],
      ['a', 'b', 'c', 'd'],
    ]) {
      const imports = circle.map((name, i) => needs(name, circle[(i + 1) % circle.length] as string))
      const faults = faultsOf([...imports, needs('outside', 'a')])
      expect(faults.length).toBeGreaterThan(0)
      for (const fault of faults) {
        expect(fault).toStartWith('modules in a circle: ')
        for (const name of circle) expect(fault).toContain(name)
        expect(fault).not.toContain('outside')
      }
    }
  })
})

describe('the source', () => {
  test('breaks none of these rules', () => {
    expect(boundaryFaults(join(import.meta.dir, '../..'))).toEqual([])
  })
})
