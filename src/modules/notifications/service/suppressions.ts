/**
 * Addresses that nothing is sent to any more, because a provider says that there is no such address, or somebody
 * complained, or an operator says so. An address is kept as a keyed hash; the operator sees a hint of it.
 */
import { and, desc, eq, lt, sql } from 'drizzle-orm'
import { prepared, type Tx } from '../../../platform/db'
import { iso } from '../../../platform/moment'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { Noted } from '../../identity'
import type { Medium } from '../channels/channel'
import { suppressions } from '../schema'
import { fitsMedium, plainAddress } from './address'

export type SuppressionCause = 'invalid' | 'complaint' | 'operator'

export interface SuppressionView {
  id: string
  medium: string
  hint: string
  cause: string
  createdAt: string
}

export interface Suppressions {
  /** Why nothing of the sort may go there. A security message tries an invalid address again after a day. */
  causeOf(medium: Medium, address: string, security: boolean): Promise<SuppressionCause | undefined>
  add(tx: Tx, medium: Medium, address: string, cause: SuppressionCause): Promise<void>
  /** An address of which only the hash is known by now. */
  addHash(tx: Tx, medium: Medium, addressHash: string, cause: SuppressionCause): Promise<void>
  hashOf(address: string): string
  /** That a provider knows no such address is forgotten; what a person or an operator wants stays. */
  liftInvalid(tx: Tx, medium: string, address: string, noted: Noted): Promise<void>
  addNow(medium: Medium, address: string, noted: Noted): Promise<Result<SuppressionView, 'address_unfit'>>
  remove(id: string, noted: Noted): Promise<Result<true, 'suppression_not_found'>>
  list(limit: number, after?: string): Promise<SuppressionView[]>
}

type Row = typeof suppressions.$inferSelect

/** Of an address of which only the hash is known. */
const NO_HINT = '…'
const INVALID_HOLDS_FOR_SECURITY_MS = 24 * 3_600_000

const find = prepared<{ addressHash: string; medium: string }, Row[]>('suppression_of', (db, $) =>
  db
    .select()
    .from(suppressions)
    .where(and(eq(suppressions.addressHash, $('addressHash')), eq(suppressions.medium, $('medium')))),
)

export function createSuppressions({ store, clock, newId, keyring }: Runtime): Suppressions {
  const hashOf = (address: string) => keyring.hash('suppressed-address', plainAddress(address).toLowerCase())

  async function keep(
    tx: Tx,
    medium: Medium,
    addressHash: string,
    hint: string,
    cause: SuppressionCause,
  ): Promise<Row> {
    const row = { id: newId('sup'), addressHash, medium, hint, cause, createdAt: clock() }
    await tx
      .insert(suppressions)
      .values(row)
      .onConflictDoUpdate({
        target: [suppressions.addressHash, suppressions.medium],
        set: { cause, createdAt: row.createdAt, ...(hint === NO_HINT ? {} : { hint }) },
        // What a provider says does not take the place of what a person wants.
        setWhere: cause === 'invalid' ? eq(suppressions.cause, 'invalid') : sql`true`,
      })
    const [kept] = await find(tx, { addressHash, medium })
    return kept ?? row
  }

  const add = (tx: Tx, medium: Medium, address: string, cause: SuppressionCause) =>
    keep(tx, medium, hashOf(address), hintOf(address), cause)

  return {
    hashOf,
    async causeOf(medium, address, security) {
      const [row] = await find(store.read, { addressHash: hashOf(address), medium })
      if (!row) return undefined
      const fresh = clock() - row.createdAt < INVALID_HOLDS_FOR_SECURITY_MS
      if (security && !(row.cause === 'invalid' && fresh)) return undefined
      return row.cause as SuppressionCause
    },
    async add(tx, medium, address, cause) {
      await add(tx, medium, address, cause)
    },
    async addHash(tx, medium, addressHash, cause) {
      await keep(tx, medium, addressHash, NO_HINT, cause)
    },
    async liftInvalid(tx, medium, address, noted) {
      const gone = await tx
        .delete(suppressions)
        .where(
          and(
            eq(suppressions.addressHash, hashOf(address)),
            eq(suppressions.medium, medium),
            eq(suppressions.cause, 'invalid'),
          ),
        )
        .returning({ id: suppressions.id })
      for (const { id } of gone) await noted(tx, 'suppression.remove', id)
    },
    async addNow(medium, address, noted) {
      const plain = plainAddress(address)
      if (!fitsMedium(medium, plain)) return fail('address_unfit')
      return store.write(async (tx) => {
        const row = await add(tx, medium, plain, 'operator')
        await noted(tx, 'suppression.add', row.id)
        return ok(suppressionView(row))
      })
    },
    remove: (id, noted) =>
      store.write(async (tx): Promise<Result<true, 'suppression_not_found'>> => {
        const gone = await tx.delete(suppressions).where(eq(suppressions.id, id)).returning({ id: suppressions.id })
        if (gone.length === 0) return fail('suppression_not_found')
        await noted(tx, 'suppression.remove', id)
        return ok(true)
      }),
    async list(limit, after) {
      const rows = await store.read
        .select()
        .from(suppressions)
        .where(after === undefined ? undefined : lt(suppressions.id, after))
        .orderBy(desc(suppressions.id))
        .limit(limit)
      return rows.map(suppressionView)
    },
  }
}

const suppressionView = ({ id, medium, hint, cause, createdAt }: Row): SuppressionView => ({
  id,
  medium,
  hint,
  cause,
  createdAt: iso(createdAt),
})

/** `am…@example.com`, `+2588…67`: enough to recognize it, too little to use it. */
function hintOf(address: string): string {
  const at = address.lastIndexOf('@')
  if (at > 0) return `${address.slice(0, at > 2 ? 2 : 0)}…${address.slice(at)}`
  return `${address.slice(0, 5)}…${address.slice(-2)}`
}
