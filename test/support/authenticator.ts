/**
 * A passkey in software, with the browser around it, as Web Authentication Level 2 describes them: ES256 keys, no
 * attestation, user verification, and a signature counter. It does what the options ask; a test may have it lie.
 * Numbers in comments are sections of https://www.w3.org/TR/webauthn-2/.
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

/** What a passkey is asked, as `/passkeys/options` answers it. */
export interface CreationOptions {
  rp: { id: string }
  user: { id: string }
  challenge: string
  pubKeyCredParams: Array<{ type: string; alg: number }>
  excludeCredentials?: Array<{ id: string }>
}

export interface RequestOptions {
  rpId: string
  challenge: string
  allowCredentials?: Array<{ id: string }>
}

/** Where the passkey or the browser departs from what it was asked. */
export interface Lies {
  challenge?: string
  origin?: string
  rpId?: string
  /** The ceremony that the browser says it was. */
  type?: string
  userPresent?: boolean
  userVerified?: boolean
  /** Makes a key although the account has one of this authenticator. */
  ignoreExcluded?: boolean
}

export interface CredentialJson {
  id: string
  rawId: string
  type: 'public-key'
  clientExtensionResults: object
  response: Record<string, unknown>
}

interface Credential {
  id: string
  privateKey: KeyObject
  /** The member of the COSE key that has the point. */
  publicKey: Buffer
  rpId: string
  userHandle: string
  signCount: number
}

export interface Authenticator {
  /** `navigator.credentials.create`. */
  create(options: CreationOptions, lies?: Lies): CredentialJson
  /** `navigator.credentials.get`. */
  get(options: RequestOptions, lies?: Lies): CredentialJson
  /** Another device with the same keys, which counts on from here by itself. */
  copy(): Authenticator
}

export interface AuthenticatorOptions {
  /** The site that the browser shows. */
  origin: string
  /** Synced passkeys count nothing and always say 0 (6.1.1). */
  counts?: boolean
  /** The id of the next key, when the test wants a certain one. */
  credentialId?: string
}

const ES256 = -7
const AAGUID = Buffer.alloc(16)
/** 6.1: bits of the flags. */
const USER_PRESENT = 0x01
const USER_VERIFIED = 0x04
const ATTESTED_DATA = 0x40

export function createAuthenticator(options: AuthenticatorOptions, known: readonly Credential[] = []): Authenticator {
  const { origin, counts = true } = options
  const credentials = known.map((credential) => ({ ...credential }))

  /** 5.8.1: what the browser adds, and what the signature covers by its hash. */
  function clientData(type: string, challenge: string, lies: Lies): Buffer {
    return Buffer.from(
      JSON.stringify({
        type: lies.type ?? type,
        challenge: lies.challenge ?? challenge,
        origin: lies.origin ?? origin,
        crossOrigin: false,
      }),
    )
  }

  /** 6.1: authenticator data, without extensions. */
  function authenticatorData(credential: Credential, attested: Buffer | undefined, lies: Lies): Buffer {
    const { userPresent = true, userVerified = true, rpId = credential.rpId } = lies
    const flags = (userPresent ? USER_PRESENT : 0) | (userVerified ? USER_VERIFIED : 0) | (attested ? ATTESTED_DATA : 0)
    const signCount = Buffer.alloc(4)
    signCount.writeUInt32BE(credential.signCount)
    return Buffer.concat([sha256(rpId), Buffer.of(flags), signCount, attested ?? Buffer.alloc(0)])
  }

  function count(credential: Credential): void {
    if (counts) credential.signCount += 1
  }

  const answer = (id: string, response: Record<string, unknown>): CredentialJson => ({
    id,
    rawId: id,
    type: 'public-key',
    clientExtensionResults: {},
    response,
  })

  return {
    create({ rp, user, challenge, pubKeyCredParams, excludeCredentials = [] }, lies = {}) {
      // 6.3.2, steps 2 and 3.
      if (!pubKeyCredParams.some(({ alg }) => alg === ES256)) throw new Error('NotSupportedError')
      const excluded = credentials.some(({ id }) => excludeCredentials.some((each) => each.id === id))
      if (excluded && !lies.ignoreExcluded) throw new Error('InvalidStateError')
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const credential: Credential = {
        id: options.credentialId ?? randomBytes(16).toString('base64url'),
        privateKey,
        publicKey: coseKey(publicKey),
        rpId: rp.id,
        userHandle: user.id,
        signCount: 0,
      }
      credentials.push(credential)
      count(credential)
      const id = Buffer.from(credential.id, 'base64url')
      const idLength = Buffer.alloc(2)
      idLength.writeUInt16BE(id.length)
      // 6.5.1: attested credential data.
      const attested = Buffer.concat([AAGUID, idLength, id, credential.publicKey])
      const authData = authenticatorData(credential, attested, lies)
      return answer(credential.id, {
        clientDataJSON: clientData('webauthn.create', challenge, lies).toString('base64url'),
        // 6.5.4 and 8.7.
        attestationObject: cborMap([
          [cborText('fmt'), cborText('none')],
          [cborText('attStmt'), cborMap([])],
          [cborText('authData'), cborBytes(authData)],
        ]).toString('base64url'),
        transports: ['internal'],
      })
    },

    get({ rpId, challenge, allowCredentials = [] }, lies = {}) {
      const allowed = (id: string) => allowCredentials.length === 0 || allowCredentials.some((each) => each.id === id)
      const credential = credentials.findLast((each) => each.rpId === rpId && allowed(each.id))
      if (!credential) throw new Error('NotAllowedError')
      count(credential)
      const clientDataJson = clientData('webauthn.get', challenge, lies)
      const authData = authenticatorData(credential, undefined, lies)
      // 6.3.3, step 11.
      const signature = sign('sha256', Buffer.concat([authData, sha256(clientDataJson)]), credential.privateKey)
      return answer(credential.id, {
        clientDataJSON: clientDataJson.toString('base64url'),
        authenticatorData: authData.toString('base64url'),
        signature: signature.toString('base64url'),
        userHandle: credential.userHandle,
      })
    },

    copy: () => createAuthenticator(options, credentials),
  }
}

/** The same answer with one member of its response changed, byte by byte. */
export function tampered(
  credential: CredentialJson,
  member: 'signature' | 'authenticatorData' | 'clientDataJSON',
  change: (bytes: Buffer) => Buffer,
): CredentialJson {
  const bytes = Buffer.from(credential.response[member] as string, 'base64url')
  return { ...credential, response: { ...credential.response, [member]: change(bytes).toString('base64url') } }
}

function sha256(data: string | Buffer): Buffer {
  return createHash('sha256').update(data).digest()
}

/** 5.8.5 and RFC 8152, section 13.1.1: kty EC2, alg ES256, crv P-256, x, y. */
function coseKey(key: KeyObject): Buffer {
  const { x = '', y = '' } = key.export({ format: 'jwk' })
  return cborMap([
    [cborInteger(1), cborInteger(2)],
    [cborInteger(3), cborInteger(ES256)],
    [cborInteger(-1), cborInteger(1)],
    [cborInteger(-2), cborBytes(Buffer.from(x, 'base64url'))],
    [cborInteger(-3), cborBytes(Buffer.from(y, 'base64url'))],
  ])
}

/** RFC 8949, section 3: a major type and its argument, which is never longer than two bytes here. */
function cborHead(major: number, argument: number): Buffer {
  if (argument < 24) return Buffer.of((major << 5) | argument)
  if (argument < 0x1_00) return Buffer.of((major << 5) | 24, argument)
  return Buffer.of((major << 5) | 25, argument >> 8, argument & 0xff)
}

const cborInteger = (value: number) => (value < 0 ? cborHead(1, -1 - value) : cborHead(0, value))
const cborBytes = (bytes: Buffer) => Buffer.concat([cborHead(2, bytes.length), bytes])
const cborText = (text: string) => Buffer.concat([cborHead(3, Buffer.byteLength(text)), Buffer.from(text)])
const cborMap = (entries: Array<[Buffer, Buffer]>) => Buffer.concat([cborHead(5, entries.length), ...entries.flat()])
