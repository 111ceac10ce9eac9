/** A deadline for what may never answer. */
import { expect, test } from 'bun:test'
import { within } from '../../src/platform/within'

test('what ends in time is the answer, also when it fails', async () => {
  expect(await within(60_000, Promise.resolve('done'), 'late')).toBe('done')
  await expect(within(60_000, Promise.reject(new Error('broken')), 'late')).rejects.toThrow('broken')
})

test('what never ends is late', async () => {
  expect(await within(1, new Promise(() => {}), 'late')).toBe('late')
})

test('what fails after its time is heard by nobody', async () => {
  const { promise, reject } = Promise.withResolvers<string>()
  expect(await within(1, promise, 'late')).toBe('late')
  reject(new Error('too late to matter'))
})
