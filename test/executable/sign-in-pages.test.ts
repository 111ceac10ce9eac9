/** Signing in, consent and the account page in a real browser, with a real (virtual) authenticator. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import { generateSync } from 'otplib'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { emptyFolder, type Running, startServer } from '../support/executable'
import { until } from '../support/until'

const CHROMIUM = '/usr/bin/chromium'
const SHOTS = process.env.KUMBU_SHOTS
const PASSWORD = 'kumbu-demo-2026'

describe.skipIf(!existsSync(CHROMIUM))('in a browser', () => {
  const folder = emptyFolder()
  let server: Running
  let base: string
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let complaints: string[]
  /** The application that people let in: it only notes where the browser came back to. */
  let application: ReturnType<typeof Bun.serve>
  let cameBack: URL | undefined

  beforeAll(async () => {
    server = await startServer({ cwd: folder.path, args: ['--demo', '--rate-limit', '0'] })
    base = server.base
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
    })
    application = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch(request) {
        const url = new URL(request.url)
        if (url.pathname === '/back') cameBack = url
        return new Response('Thank you.')
      },
    })
  })
  afterAll(async () => {
    await browser?.close()
    await application.stop(true)
    await server.kill()
    folder.remove()
  })

  beforeEach(async () => {
    await context?.close()
    complaints = []
    cameBack = undefined
    context = await browser.newContext({ viewport: { width: 390, height: 844 } })
    page = await context.newPage()
    page.setDefaultTimeout(15_000)
    page.on('pageerror', (error) => complaints.push(error.message))
  })

  async function shot(name: string): Promise<void> {
    if (SHOTS === undefined) return
    mkdirSync(SHOTS, { recursive: true })
    await page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: true })
  }

  async function signIn(email: string): Promise<void> {
    await page.fill('input[name=email]', email)
    await page.fill('input[name=password]', PASSWORD)
    await page.keyboard.press('Enter')
  }

  /** The demo's operator registers an application. */
  async function registerApplication(): Promise<string> {
    const login = await post('/auth/login', { email: 'operator@demo.kumbu', password: PASSWORD })
    const client = {
      name: 'Shop till',
      isPublic: false,
      redirectUris: [`http://127.0.0.1:${application.port}/back`],
      grants: ['authorization_code', 'refresh_token'],
      scopes: ['openid', 'profile', 'wallet:read'],
    }
    return (await post('/oauth/clients', client, login.accessToken)).id
  }

  async function post(path: string, body: object, token?: string) {
    const response = await fetch(`${base}/api/v1${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
    })
    return (await response.json()) as { id: string; accessToken: string }
  }

  function authorizeUrl(clientId: string, extra: Record<string, string> = {}): string {
    const verifier = randomBytes(32).toString('base64url')
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: clientId,
      redirect_uri: `http://127.0.0.1:${application.port}/back`,
      scope: 'openid profile wallet:read',
      state: 'a state of its own',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...extra,
    })
    return `${base}/oauth/authorize?${query}`
  }

  test('a person adds a passkey, signs in with it alone, and uses it beside the password', async () => {
    const devtools = await context.newCDPSession(page)
    await devtools.send('WebAuthn.enable')
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    })
    await page.goto(`${base}/account`)
    await signIn('customer2@demo.kumbu')
    await page.click('text=Add a passkey')
    await page.fill('input[name=name]', 'My telephone')
    await page.click('text="Add it"')
    await page.waitForSelector('text=My telephone, added')
    await shot('account')

    await page.click('#sign-out')
    await page.click('text="Sign in with a passkey"')
    await page.waitForSelector('text=this one')

    await page.click('#sign-out')
    await page.waitForSelector('input[name=email]')
    await signIn('customer2@demo.kumbu')
    await page.click('text="Use my passkey"')
    await page.waitForSelector('text=this one')
    expect(complaints).toEqual([])
  })

  test('a person sets up an authenticator app by its QR code, keeps the recovery codes, and signs in with a code', async () => {
    await page.goto(`${base}/account`)
    await signIn('agent@demo.kumbu')
    await page.click('#add-totp')
    await page.waitForSelector('img[alt="QR code"]')
    await shot('authenticator-app')
    const secret = (await page.textContent('code')) ?? ''
    expect(await page.evaluate('document.querySelector("img").naturalWidth')).toBeGreaterThan(100)
    await page.fill('input[name=code]', generateSync({ secret }))
    await page.keyboard.press('Enter')
    await page.waitForSelector('.codes')
    const recoveryCodes = ((await page.textContent('.codes')) ?? '').split('\n')
    expect(recoveryCodes).toHaveLength(10)
    await page.click('text="I have kept them"')
    await page.click('#sign-out')

    await page.waitForSelector('input[name=email]')
    await signIn('agent@demo.kumbu')
    await page.waitForSelector('text=One more proof')
    await shot('second-factor')
    await page.click('text="Recovery code"')
    await page.fill('input[name=code]', recoveryCodes[0] ?? '')
    await page.keyboard.press('Enter')
    await page.waitForSelector('text=Recovery codes left: 9')
    expect(complaints).toEqual([])
  })

  test('an operator of a new instance sees only how to set a second factor up, until there is one', async () => {
    const empty = emptyFolder()
    const fresh = await startServer({ cwd: empty.path, args: ['--rate-limit', '0'] })
    try {
      const link = /http:\S+\/setup\?token=\S+/.exec(fresh.output())?.[0] ?? ''
      await page.goto(link)
      for (const [name, value] of [
        ['name', 'Olga'],
        ['email', 'olga@example.com'],
        ['password', 'a long walk to the sea'],
      ] as const)
        await page.fill(`input[name=${name}]`, value)
      await page.click('button')
      await page.click('text=Sign in, and set up a second factor.')
      await page.fill('input[name=email]', 'olga@example.com')
      await page.fill('input[name=password]', 'a long walk to the sea')
      await page.keyboard.press('Enter')
      await page.waitForSelector('text=Your role needs a second factor')
      await shot('restricted')
      expect(await page.isVisible('text=Sign out everywhere')).toBe(false)
      await page.click('#add-totp')
      await page.waitForSelector('img[alt="QR code"]')
      await page.fill('input[name=code]', generateSync({ secret: (await page.textContent('code')) ?? '' }))
      await page.keyboard.press('Enter')
      await page.click('text="I have kept them"')
      await page.waitForSelector('text=Sign out everywhere')
      expect(complaints).toEqual([])
    } finally {
      await fresh.kill()
      empty.remove()
    }
  })

  test('an application is let in: sign-in, consent, and back with a code, the state and the issuer', async () => {
    const clientId = await registerApplication()
    await page.goto(authorizeUrl(clientId))
    await signIn('customer@demo.kumbu')
    await page.waitForSelector('text=Shop till asks for access')
    await shot('consent')
    expect(await page.textContent('ul')).toContain('See the balance and movements of your wallet.')
    await page.click('#allow')
    await page.waitForSelector('text=Thank you.')

    expect(cameBack?.searchParams.get('state')).toBe('a state of its own')
    expect(cameBack?.searchParams.get('iss')).toBe(base)
    expect(cameBack?.searchParams.get('code')).toMatch(/^[\w-]{43}$/)

    // Asked a second time, the person need not be.
    cameBack = undefined
    await page.goto(authorizeUrl(clientId, { prompt: 'none' }))
    await page.waitForSelector('text=Thank you.')
    expect((cameBack as URL | undefined)?.searchParams.has('code')).toBe(true)
    expect(complaints).toEqual([])
  })

  test('a person says no, and the application is told', async () => {
    await page.goto(authorizeUrl(await registerApplication()))
    await signIn('customer@demo.kumbu')
    await page.click('#deny')
    await page.waitForSelector('text=Thank you.')
    expect(cameBack?.searchParams.get('error')).toBe('access_denied')
  })

  test('a request that names another address is refused on a page, and nobody is sent anywhere', async () => {
    const url = authorizeUrl(await registerApplication(), { redirect_uri: 'https://evil.example/back' })
    const response = await page.goto(url)
    expect(response?.status()).toBe(400)
    expect(await page.textContent('body')).toContain('The redirect_uri is not one that the application has registered.')
    expect(cameBack).toBeUndefined()
  })

  test('a forgotten password is chosen anew by the link in the mail', async () => {
    await page.goto(`${base}/account`)
    await page.click('text="Forgot the password?"')
    await page.fill('input[name=email]', 'operator@demo.kumbu')
    await page.click('text="Mail me a link"')
    await page.waitForSelector('text=a link is on its way')
    const link = await linkMailedTo('operator@demo.kumbu')
    expect(link).toStartWith(`${base}/reset-password?token=`)

    await page.goto(link)
    await page.fill('input[name=password]', 'password123')
    await page.click('text="Set the password"')
    await page.waitForSelector('text=easy to guess')
    await page.fill('input[name=password]', 'a longer walk to the sea')
    await page.click('text="Set the password"')
    await page.waitForSelector('text=Every session was ended')
    await shot('reset')

    expect(page.url()).not.toContain('token')
    const login = await post('/auth/login', { email: 'operator@demo.kumbu', password: 'a longer walk to the sea' })
    expect(login.accessToken).toBeString()
    expect(complaints).toEqual([])
  })

  async function linkMailedTo(address: string): Promise<string> {
    const link = async () => {
      const response = await fetch(`${base}/dev/inbox?to=${encodeURIComponent(address)}`)
      const mails = (await response.json()) as Array<{ text: string }>
      return mails.map(({ text }) => /https?:\/\/\S+token=\S+/.exec(text)?.[0]).find((found) => found !== undefined)
    }
    return (await until(link)) as string
  }
})
