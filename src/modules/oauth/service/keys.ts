/**
 * The keys that sign ID tokens (RS256, which every client of OpenID Connect must understand). A new key is published a
 * day before it signs and an old one stays published for a day after, so that clients that keep the set for an hour
 * never meet a signature that they cannot check.
 */
import { desc, gt, isNull, or } from 'drizzle-orm'
import { exportJWK, generateKeyPair, importJWK, type JWK, type JWTPayload, SignJWT } from 'jose'
import type { Tx } from '../../../platform/db'
import type { Runtime } from '../../../platform/runtime'
import { signingKeys } from '../schema'

const ALGORITHM = 'RS256'
/** 128 bits of security (NIST SP 800-57, part 1, table 2). */
const MODULUS_BITS = 3072
const OVERLAP_MS = 24 * 3_600_000
const ROTATE_AFTER_MS = 90 * 24 * 3_600_000

export interface Keys {
  /** The public keys, those of tomorrow and of yesterday included. */
  published(): Promise<{ keys: JWK[] }>
  sign(payload: JWTPayload): Promise<string>
  /** Makes a new key. `now` is for one that has leaked: the keys before it are withdrawn at once. */
  rotate(options?: { now?: boolean }): Promise<string>
  /** Rotates when the key has signed for long enough. */
  rotateIfDue(): Promise<void>
}

type Row = typeof signingKeys.$inferSelect

export function createKeys({ store, clock, newId, keyring }: Runtime): Keys {
  const current = () =>
    store.read
      .select()
      .from(signingKeys)
      .where(or(isNull(signingKeys.retiredAt), gt(signingKeys.retiredAt, clock())))
      .orderBy(desc(signingKeys.activeFrom), desc(signingKeys.id))

  async function make(activeFrom: number, retire: (tx: Tx, id: string) => Promise<void>): Promise<Row> {
    const pair = await generateKeyPair(ALGORITHM, { modulusLength: MODULUS_BITS, extractable: true })
    const [privateKey, publicKey] = await Promise.all([exportJWK(pair.privateKey), exportJWK(pair.publicKey)])
    const id = newId('sgk')
    const row: Row = {
      id,
      publicKey: { ...publicKey, kid: id, alg: ALGORITHM, use: 'sig' },
      sealedPrivateKey: keyring.seal('signing-key', JSON.stringify(privateKey)),
      createdAt: clock(),
      activeFrom,
      retiredAt: null,
    }
    await store.write(async (tx) => {
      await retire(tx, id)
      await tx.insert(signingKeys).values(row)
    })
    return row
  }

  /** Those that are to be published longer, too: a key that has leaked may be on its way out already. */
  const retireAt = (moment: number) => async (tx: Tx) => {
    await tx
      .update(signingKeys)
      .set({ retiredAt: moment })
      .where(or(isNull(signingKeys.retiredAt), gt(signingKeys.retiredAt, moment)))
  }

  let first: Promise<Row> | undefined

  /** The latest key whose time has come. The first is made when one is first needed. */
  async function signer(): Promise<Row> {
    const found = (await current()).find(({ activeFrom }) => activeFrom <= clock())
    if (found) return found
    first ??= make(clock(), async () => undefined).finally(() => {
      first = undefined
    })
    return first
  }

  async function rotate({ now = false } = {}): Promise<string> {
    const moment = clock()
    const isFirst = (await current()).length === 0
    const activeFrom = now || isFirst ? moment : moment + OVERLAP_MS
    return (await make(activeFrom, retireAt(now ? moment : activeFrom + OVERLAP_MS))).id
  }

  return {
    async published() {
      await signer()
      return { keys: (await current()).map(({ publicKey }) => publicKey as JWK) }
    },

    async sign(payload) {
      const { id, sealedPrivateKey } = await signer()
      const key = await importJWK(JSON.parse(keyring.open('signing-key', sealedPrivateKey)) as JWK, ALGORITHM)
      return new SignJWT(payload).setProtectedHeader({ alg: ALGORITHM, kid: id, typ: 'JWT' }).sign(key)
    },

    rotate,

    async rotateIfDue() {
      const [newest] = await current()
      if (newest && clock() - newest.activeFrom > ROTATE_AFTER_MS) await rotate()
    },
  }
}
