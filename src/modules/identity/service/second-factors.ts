/**
 * What a person shows beside their password: an authenticator app, a passkey, a recovery code, or a code by e-mail or
 * SMS if they chose that. Wrong codes are counted for the person, apart from wrong passwords; ten in a row lock the codes
 * (not the passkeys) for 15 minutes, and each further one doubles that. Only somebody with the password gets to guess.
 */
import { and, eq, isNull } from 'drizzle-orm'
import type { Db, Tx } from '../../../platform/db'
import { count } from '../../../platform/db/dialect'
import type { Events } from '../../../platform/events'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { type CodeChannel, type SecurityChange, securityChanged } from '../events'
import { passkeys, recoveryCodes } from '../schema'
import type { Audit } from './audit'
import type { Codes } from './codes'
import type { Sessions } from './sessions'
import { createTotp, type NewTotp } from './totp'
import type { User, Users } from './users'

const TRIES = 10
const LOCK_MS = 15 * 60_000
const LONGEST_LOCK_MS = 24 * 3_600_000
const RECOVERY_CODES = 10
const RECOVERY_CODE_LENGTH = 10
/** Crockford's base 32: no letter that could be taken for a digit. */
const RECOVERY_ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

export type CodeMethod = 'totp' | 'recovery' | 'email' | 'sms'
export type Method = CodeMethod | 'passkey'

/** `amr` values of RFC 8176 for what was shown. */
const AMR: Record<Method, string> = { totp: 'otp', recovery: 'otp', email: 'otp', sms: 'sms', passkey: 'hwk' }
export const amrOf = (method: Method): string => AMR[method]

/** The session in which somebody acts, and the address that they act from. */
export interface Here {
  sessionId: string
  address: string
}

export interface Factors {
  methods: Method[]
  recoveryCodesLeft: number
  /** Whether the person's role demands one. */
  required: boolean
}

export type ConfirmTotpCode = 'totp_absent' | 'code_invalid'
type RemoveCode = 'method_not_available' | 'second_factor_needed'

export interface SecondFactors {
  methodsOf(db: Db, user: User): Promise<Method[]>
  factors(user: User): Promise<Factors>
  required(role: string): boolean
  /** Whether the code is right; it is spent if it is. Counts a wrong one. */
  check(
    tx: Tx,
    user: User,
    method: CodeMethod,
    code: string,
  ): Promise<Result<true, 'code_invalid' | 'second_factor_locked'>>
  sendCode(tx: Tx, user: User, channel: CodeChannel): Promise<boolean>
  beginTotp(user: User): Promise<Result<NewTotp, 'totp_present'>>
  confirmTotp(user: User, code: string, here: Here): Promise<Result<{ recoveryCodes: string[] }, ConfirmTotpCode>>
  removeTotp(user: User, here: Here): Promise<Result<true, RemoveCode>>
  /** Codes by this channel become a factor once one was shown. */
  addCodeFactor(
    user: User,
    channel: CodeChannel,
    code: string,
    here: Here,
  ): Promise<Result<true, 'code_invalid' | 'second_factor_locked' | 'method_not_available'>>
  removeCodeFactor(user: User, channel: CodeChannel, here: Here): Promise<Result<true, RemoveCode>>
  newRecoveryCodes(user: User, here: Here): Promise<Result<string[], 'method_not_available'>>
  /** After a factor was added: the session that showed it may do all that the role may. */
  completed(tx: Tx, user: User, change: SecurityChange, here: Here): Promise<void>
  /** After a factor was removed. */
  removed(tx: Tx, user: User, change: SecurityChange, here: Here): Promise<void>
  /** Why this factor may not go, if it may not. */
  mayRemove(db: Db, user: User, method: Method): Promise<Result<true, RemoveCode>>
  eraseOf(tx: Tx, userId: string): Promise<void>
}

export interface FactorParts {
  users: Users
  codes: Codes
  sessions: Sessions
  events: Events
  audit: Audit
}

export interface FactorOptions {
  /** How authenticator apps name the place. */
  issuer: string
  /** The roles that must have a second factor. */
  requiredFor: ReadonlySet<string>
}

export function createSecondFactors(
  runtime: Runtime,
  { users, codes, sessions, events, audit }: FactorParts,
  { issuer, requiredFor }: FactorOptions,
): SecondFactors {
  const { store, clock, random, keyring } = runtime
  const totp = createTotp(runtime, issuer)
  const hashOfRecovery = (userId: string, code: string) => keyring.hash('recovery-code', userId, code)

  async function openRecoveryCodes(db: Db, userId: string): Promise<number> {
    const [row] = await db
      .select({ n: count() })
      .from(recoveryCodes)
      .where(and(eq(recoveryCodes.userId, userId), isNull(recoveryCodes.usedAt)))
    return row?.n ?? 0
  }

  async function hasPasskey(db: Db, userId: string): Promise<boolean> {
    const [row] = await db.select({ id: passkeys.id }).from(passkeys).where(eq(passkeys.userId, userId)).limit(1)
    return row !== undefined
  }

  /** Recovery codes stand in for a factor; they are none themselves. */
  async function ownMethods(db: Db, user: User): Promise<Method[]> {
    const chosen = codeFactorsOf(user)
    const methods: Method[] = []
    if (await totp.isSetUp(db, user.id)) methods.push('totp')
    if (await hasPasskey(db, user.id)) methods.push('passkey')
    if (chosen.includes('email')) methods.push('email')
    if (chosen.includes('sms') && user.phoneVerifiedAt !== null) methods.push('sms')
    return methods
  }

  async function methodsOf(db: Db, user: User): Promise<Method[]> {
    const methods = await ownMethods(db, user)
    if (methods.length > 0 && (await openRecoveryCodes(db, user.id)) > 0) methods.push('recovery')
    return methods
  }

  const tell = (tx: Tx, userId: string, change: SecurityChange) =>
    events.append(tx, securityChanged, userId, { userId, change })

  const note = (
    tx: Tx,
    userId: string,
    action: string,
    { address }: Here,
    detail: Record<string, unknown> = {},
    outcome: 'allowed' | 'refused' = 'allowed',
  ) => audit(tx, { actor: userId, action, subject: userId, outcome, address, detail })

  async function spend(tx: Tx, user: User, method: CodeMethod, code: string): Promise<boolean> {
    if (method === 'totp') return totp.check(tx, user.id, code)
    if (method === 'recovery') return spendRecovery(tx, user.id, code)
    return (await codes.redeem(tx, user.id, 'second_factor', code, method)) !== undefined
  }

  async function spendRecovery(tx: Tx, userId: string, given: string): Promise<boolean> {
    const code = given.toLowerCase().replaceAll(/[\s-]/g, '').replaceAll(/[il]/g, '1').replaceAll('o', '0')
    const which = and(eq(recoveryCodes.hash, hashOfRecovery(userId, code)), isNull(recoveryCodes.usedAt))
    const [found] = await tx.select({ hash: recoveryCodes.hash }).from(recoveryCodes).where(which)
    if (!found) return false
    await tx.update(recoveryCodes).set({ usedAt: clock() }).where(which)
    await tell(tx, userId, 'recovery_code_used')
    return true
  }

  async function makeRecoveryCodes(tx: Tx, userId: string): Promise<string[]> {
    await tx.delete(recoveryCodes).where(eq(recoveryCodes.userId, userId))
    const made = Array.from({ length: RECOVERY_CODES }, () =>
      Array.from(random(RECOVERY_CODE_LENGTH), (byte) => RECOVERY_ALPHABET[byte & 31]).join(''),
    )
    await tx
      .insert(recoveryCodes)
      .values(made.map((code) => ({ hash: hashOfRecovery(userId, code), userId, createdAt: clock(), usedAt: null })))
    return made.map((code) => `${code.slice(0, 5)}-${code.slice(5)}`)
  }

  async function wrongCode(tx: Tx, user: User): Promise<Result<never, 'code_invalid' | 'second_factor_locked'>> {
    const failures = user.factorFailures + 1
    const lock = failures < TRIES ? 0 : Math.min(LONGEST_LOCK_MS, LOCK_MS * 2 ** (failures - TRIES))
    await users.change(tx, user.id, { factorFailures: failures, factorLockedUntil: lock === 0 ? 0 : clock() + lock })
    if (lock === 0) return fail('code_invalid')
    await audit(tx, {
      actor: user.id,
      action: 'factor.lock',
      subject: user.id,
      outcome: 'refused',
      detail: { failures },
    })
    if (failures === TRIES) await tell(tx, user.id, 'second_factor_locked')
    return locked(clock() + lock)
  }

  function locked(until: number): Result<never, 'second_factor_locked'> {
    return fail('second_factor_locked', undefined, { retryAfter: Math.ceil((until - clock()) / 1000) })
  }

  async function check(
    tx: Tx,
    { id }: User,
    method: CodeMethod,
    code: string,
  ): Promise<Result<true, 'code_invalid' | 'second_factor_locked'>> {
    const user = await users.lock(tx, id)
    if (!user) return fail('code_invalid')
    if (user.factorLockedUntil > clock()) return locked(user.factorLockedUntil)
    if (!(await spend(tx, user, method, code))) return wrongCode(tx, user)
    if (user.factorFailures > 0) await users.change(tx, id, { factorFailures: 0, factorLockedUntil: 0 })
    return ok(true)
  }

  async function completed(tx: Tx, user: User, change: SecurityChange, here: Here): Promise<void> {
    await sessions.unrestrict(tx, here.sessionId)
    await note(tx, user.id, 'factor.add', here, { change })
    await tell(tx, user.id, change)
  }

  async function mayRemove(db: Db, { id }: User, method: Method): Promise<Result<true, RemoveCode>> {
    const user = await users.byIdIn(db, id)
    const methods = user ? await ownMethods(db, user) : []
    if (!user) return fail('method_not_available')
    if (!methods.includes(method)) return fail('method_not_available')
    if (requiredFor.has(user.role) && methods.length === 1) return fail('second_factor_needed')
    return ok(true)
  }

  async function removed(tx: Tx, user: User, change: SecurityChange, here: Here): Promise<void> {
    // Nothing is left that recovery codes could stand in for.
    const now = (await users.byIdIn(tx, user.id)) ?? user
    if ((await ownMethods(tx, now)).length === 0)
      await tx.delete(recoveryCodes).where(eq(recoveryCodes.userId, user.id))
    await note(tx, user.id, 'factor.remove', here, { change })
    await tell(tx, user.id, change)
  }

  return {
    methodsOf,
    completed,
    removed,
    mayRemove,
    required: (role) => requiredFor.has(role),

    async factors(user) {
      return {
        methods: await ownMethods(store.read, user),
        recoveryCodesLeft: await openRecoveryCodes(store.read, user.id),
        required: requiredFor.has(user.role),
      }
    },

    check,

    sendCode: (tx, user, channel) =>
      codes.issue(tx, {
        userId: user.id,
        purpose: 'second_factor',
        channel,
        phone: channel === 'sms' ? (user.phone ?? undefined) : undefined,
      }),

    beginTotp: (user) =>
      store.write(async (tx): Promise<Result<NewTotp, 'totp_present'>> => {
        if (await totp.isSetUp(tx, user.id)) return fail('totp_present')
        return ok(await totp.begin(tx, user.id, user.email))
      }),

    confirmTotp: (user, code, here) =>
      store.write(async (tx): Promise<Result<{ recoveryCodes: string[] }, ConfirmTotpCode>> => {
        const confirmed = await totp.confirm(tx, user.id, code)
        if (confirmed === 'absent') return fail('totp_absent')
        if (confirmed === 'wrong') {
          await note(tx, user.id, 'factor.add', here, { change: 'totp_added' }, 'refused')
          return fail('code_invalid')
        }
        await completed(tx, user, 'totp_added', here)
        return ok({ recoveryCodes: await makeRecoveryCodes(tx, user.id) })
      }),

    removeTotp: (user, here) =>
      store.write(async (tx): Promise<Result<true, RemoveCode>> => {
        const allowed = await mayRemove(tx, user, 'totp')
        if (!allowed.ok) return allowed
        await totp.remove(tx, user.id)
        await removed(tx, user, 'totp_removed', here)
        return ok(true)
      }),

    addCodeFactor: (user, channel, code, here) =>
      store.write(async (tx) => {
        if (channel === 'sms' && user.phoneVerifiedAt === null) return fail('method_not_available')
        const checked = await check(tx, user, channel, code)
        if (!checked.ok) {
          await note(tx, user.id, 'factor.add', here, { change: `${channel}_factor_added` }, 'refused')
          return checked
        }
        const chosen = [...new Set([...codeFactorsOf(user), channel])]
        await users.change(tx, user.id, { codeFactors: chosen })
        await completed(tx, user, `${channel}_factor_added`, here)
        return ok(true)
      }),

    removeCodeFactor: (user, channel, here) =>
      store.write(async (tx): Promise<Result<true, RemoveCode>> => {
        const allowed = await mayRemove(tx, user, channel)
        if (!allowed.ok) return allowed
        await users.change(tx, user.id, { codeFactors: codeFactorsOf(user).filter((each) => each !== channel) })
        await removed(tx, user, `${channel}_factor_removed`, here)
        return ok(true)
      }),

    newRecoveryCodes: (user, here) =>
      store.write(async (tx): Promise<Result<string[], 'method_not_available'>> => {
        if ((await ownMethods(tx, user)).length === 0) return fail('method_not_available')
        await note(tx, user.id, 'factor.recovery_codes', here)
        await tell(tx, user.id, 'recovery_codes_made')
        return ok(await makeRecoveryCodes(tx, user.id))
      }),

    async eraseOf(tx, userId) {
      await totp.remove(tx, userId)
      await tx.delete(recoveryCodes).where(eq(recoveryCodes.userId, userId))
      await tx.delete(passkeys).where(eq(passkeys.userId, userId))
    },
  }
}

export const codeFactorsOf = (user: User): CodeChannel[] => user.codeFactors as CodeChannel[]
