/** What people see in a real browser, on a machine without internet: Swagger UI, the pages of set-up, inbox and appointment. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { emptyFolder, type Running, startServer } from '../support/executable'
import { until } from '../support/until'
import { DEMO, get, post, put, signIn } from './api'

const CHROMIUM = '/usr/bin/chromium'
/** Where pictures of the pages are left, if anybody wants them. */
const SHOTS = process.env.KUMBU_SHOTS
const [CUSTOMER] = DEMO.customers

describe.skipIf(!existsSync(CHROMIUM))('in a browser', () => {
  const folder = emptyFolder()
  const emptyInstance = emptyFolder()
  let server: Running
  let browser: Browser
  let page: Page
  /** Requests to other places than Kumbu: each is cut off, as on a kiosk. */
  let strangers: string[]
  /** What the browser had to complain about. */
  let complaints: string[]

  beforeAll(async () => {
    server = await startServer({ cwd: folder.path, args: ['--demo', '--rate-limit', '0'] })
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    })
  })
  afterAll(async () => {
    await browser?.close()
    await server.kill()
    folder.remove()
    emptyInstance.remove()
  })

  async function open(base: string, path: string): Promise<void> {
    await page?.close()
    strangers = []
    complaints = []
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    page.setDefaultTimeout(15_000)
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text())
    })
    await page.route('**/*', (route) => {
      const url = route.request().url()
      if (url.startsWith(base) || url.startsWith('data:')) return route.continue()
      strangers.push(url)
      return route.abort()
    })
    await page.goto(base + path)
  }

  /** Only those in sight are drawn, so the page is walked through. */
  async function pathsOnTheWay(): Promise<string[]> {
    const seen = new Set<string>()
    for (let y = 0; y < (await page.evaluate(() => document.body.scrollHeight)); y += 400) {
      await page.evaluate((to) => window.scrollTo(0, to), y)
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
      for (const path of await page.locator('.opblock-summary-path').allInnerTexts())
        seen.add(path.replaceAll('\u200b', ''))
    }
    return [...seen]
  }

  async function shoot(name: string): Promise<void> {
    if (SHOTS === undefined) return
    mkdirSync(SHOTS, { recursive: true })
    await page.screenshot({ path: `${SHOTS}/${name}.png` })
  }

  test('Swagger UI loads from Kumbu alone and lists the operations', async () => {
    await open(server.base, '/swagger')
    await page.locator('.opblock-summary-path').first().waitFor()
    const plain = await pathsOnTheWay()
    for (const path of [
      '/api/v1/auth/login',
      '/api/v1/wallet/{userId}/balance',
      '/api/v1/atm/validate-token',
      '/health',
    ])
      expect(plain).toContain(path)
    expect(await page.locator('.info .title').textContent()).toContain('Kumbu')
    await shoot('swagger')
    expect({ strangers, complaints }).toEqual({ strangers: [], complaints: [] })
  })

  test('with a pasted token, Execute shows the balance', async () => {
    const { accessToken } = await signIn(server.base, CUSTOMER)
    await page.locator('.btn.authorize').click()
    await page.locator('.modal-ux input').fill(accessToken)
    await page.locator('.modal-ux .btn.authorize').click()
    await page.locator('.modal-ux .btn-done').click()

    await page.locator('.operation-filter-input').fill('Wallet')
    const operation = page.locator('.opblock', {
      has: page.locator('.opblock-summary-path[data-path="/api/v1/wallet/{userId}/balance"]'),
    })
    await operation.locator('.opblock-summary-control').first().click()
    await operation.locator('tr[data-param-name="userId"] input').fill('me')
    await operation.locator('.btn.execute').click()
    const live = operation.locator('.live-responses-table')
    await live.waitFor()
    expect(await live.locator('.response-col_status').nth(1).textContent()).toContain('200')
    const shown = await live.locator('.response-col_description').nth(1).textContent()
    expect(shown).toContain('"available": 100000')
    await shoot('swagger-open')
    expect({ strangers, complaints }).toEqual({ strangers: [], complaints: [] })
  })

  test('without a token, Execute shows the problem and not a blank', async () => {
    await open(server.base, '/swagger')
    await page.locator('.operation-filter-input').fill('Agents')
    const operation = page.locator('.opblock', {
      has: page.locator('.opblock-summary-path[data-path="/api/v1/agents/me"]'),
    })
    await operation.locator('.opblock-summary-control').first().click()
    await operation.locator('.btn.execute').click()
    const live = operation.locator('.live-responses-table')
    await live.waitFor()
    expect(await live.locator('.response-col_status').nth(1).textContent()).toContain('401')
    expect(await live.textContent()).toContain('unauthenticated')
    expect(strangers).toEqual([])
  })

  test('the set-up link opens a page that makes the operator, once', async () => {
    const fresh = await startServer({ cwd: emptyInstance.path })
    try {
      const output = await until(fresh.output, (printed) => printed.includes('/setup?token='))
      const link = new URL(/http:\S+\/setup\?token=\S+/.exec(output)?.[0] ?? '')
      await open(fresh.base, link.pathname + link.search)
      await page.getByLabel('Name').fill('Olga')
      await page.getByLabel('E-mail').fill('olga@example.com')
      await page.getByLabel('Password').fill('a long walk to the sea')
      await shoot('setup')
      await page.getByRole('button', { name: 'Create the operator' }).click()
      await page.getByText('olga@example.com can sign in as the operator').waitFor()
      const made = await signIn(fresh.base, 'olga@example.com', 'a long walk to the sea')
      expect(made).toMatchObject({ user: { role: 'operator' }, secondFactorRequired: true })
      expect({ strangers, complaints }).toEqual({ strangers: [], complaints: [] })

      await open(fresh.base, link.pathname + link.search)
      await page.getByLabel('Name').fill('Another')
      await page.getByLabel('E-mail').fill('another@example.com')
      await page.getByLabel('Password').fill('a long walk to the sea')
      await page.getByRole('button', { name: 'Create the operator' }).click()
      await until(
        () => page.getByRole('status').textContent(),
        (said) => /set-up|setup|link/i.test(said ?? ''),
      )
    } finally {
      await page.close()
      await fresh.kill()
    }
  })

  describe('the page of an appointment', () => {
    const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)
    const EVERY_DAY = [1, 2, 3, 4, 5, 6, 7].map((weekday) => ({ weekday, fromMinute: 480, toMinute: 1080 }))
    const appointments = () => `${server.base}/api/v1/appointments`
    let operator: string
    let customer: string
    let id: string

    beforeAll(async () => {
      operator = (await signIn(server.base, DEMO.operator)).accessToken
      customer = (await signIn(server.base, CUSTOMER)).accessToken
      const terms = { name: 'Advice', durationMinutes: 30, timeZone: 'Africa/Maputo', cancelMinutes: 60 }
      const service = (await post(appointments(), '/services', terms, operator)).body
      const member = { name: 'Graça', timeZone: terms.timeZone, serviceIds: [service.id] }
      const staff = (await post(appointments(), '/staff', member, operator)).body
      await put(appointments(), `/staff/${staff.id}/hours`, { hours: EVERY_DAY }, operator)
      const wanted = { serviceId: service.id, startsAt: `${inDays(3)}T09:00` }
      id = (await post(appointments(), '', wanted, customer)).body.id
    })

    test('moves it to a time that is free on another day, and hands it to the calendar', async () => {
      await open(server.base, `/appointments/${id}`)
      await page.setViewportSize({ width: 390, height: 844 })
      await page.getByLabel('E-mail').fill(CUSTOMER)
      await page.getByLabel('Password').fill(DEMO.password)
      await page.getByRole('button', { name: 'Sign in', exact: true }).click()
      await page.getByText('Move it').click()
      await page.getByLabel('Day').fill(inDays(4))
      await page.getByLabel('Time').selectOption({ label: '10:15' })
      await shoot('appointment')
      await page.getByRole('button', { name: 'Move the appointment' }).click()
      await page.getByText(/10:15/, { exact: false }).first().waitFor()
      const file = page.waitForEvent('download')
      await page.getByText('Put it into my calendar').click()
      expect((await file).suggestedFilename()).toBe('appointment.ics')
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390)
      expect(strangers).toEqual([])
    })

    test('hands it to the calendar though the session has run out meanwhile', async () => {
      let refused = 0
      await page.route(
        `**/api/v1/appointments/${id}/invitation`,
        (route) => {
          refused += 1
          return route.fulfill({
            status: 401,
            contentType: 'application/problem+json',
            json: { code: 'unauthenticated' },
          })
        },
        { times: 1 },
      )
      const file = page.waitForEvent('download')
      await page.getByText('Put it into my calendar').click()
      const path = await (await file).path()
      expect(await Bun.file(path).text()).toStartWith('BEGIN:VCALENDAR')
      expect(refused).toBe(1)
    })

    test('says until when an offer is kept, where the service is, and what came of one that was not answered', async () => {
      let state: object = { status: 'offered', offeredUntil: '2126-01-01T22:30:00.000Z', deposit: 0 }
      await page.route(`**/api/v1/appointments/${id}`, async (route) => {
        const answer = await route.fetch()
        await route.fulfill({ json: { ...(await answer.json()), ...state } })
      })
      await page.reload()
      await page.getByText(/Kept for you until Wednesday, January 2, 2126 at 12:30.AM/).waitFor()
      state = { status: 'lapsed', offeredUntil: '2026-01-01T22:30:00.000Z' }
      await page.reload()
      await page.getByRole('heading', { name: 'Advice was not answered in time' }).waitFor()
      expect(await page.getByText('You still wait').count()).toBe(0)
      const { body } = await get(appointments(), `/${id}`, customer)
      const wanted = { serviceId: body.service.id, from: inDays(5), to: inDays(6) }
      await post(appointments(), '/waiting', wanted, customer)
      await page.reload()
      await page.getByText('You still wait for a place.').waitFor()
      await page.unroute(`**/api/v1/appointments/${id}`)
    })

    test('says why the place has cancelled it', async () => {
      await post(appointments(), `/desk/${id}/cancel`, { reason: 'The room is flooded.' }, operator)
      await page.reload()
      await page.getByText('Why: The room is flooded.').waitFor()
      await shoot('appointment-cancelled')
    })

    test('keeps the words of a review when only its stars change', async () => {
      const over = { status: 'completed', startsAt: '2026-01-01T07:00:00.000Z', endsAt: '2026-01-01T07:30:00.000Z' }
      await page.route(`**/api/v1/appointments/${id}`, async (route) => {
        const answer = await route.fetch()
        await route.fulfill({ json: { ...(await answer.json()), ...over } })
      })
      let written = { rating: 3, text: 'Quick and friendly.' }
      await page.route(`**/api/v1/appointments/${id}/review`, async (route) => {
        if (route.request().method() === 'PUT') written = route.request().postDataJSON()
        await route.fulfill({ json: written })
      })
      await page.reload()
      expect(await page.getByLabel('Stars').inputValue()).toBe('3')
      await page.getByLabel('Stars').selectOption('5')
      await page.getByRole('button', { name: 'Change it' }).click()
      await until(
        () => written.rating,
        (rating) => rating === 5,
      )
      expect(written.text).toBe('Quick and friendly.')
      await shoot('appointment-review')
    })
  })

  test('the inbox page shows what was sent', async () => {
    await open(server.base, '/dev/inbox')
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Inbox')
    await until(
      async () => {
        await page.reload()
        return page.locator('article h2').allInnerTexts()
      },
      (subjects) => subjects.includes('You received USD 1,000.00') && subjects.some((each) => each.includes('float')),
    )
    expect(await page.locator('article').first().textContent()).toContain('@demo.kumbu')
    await shoot('inbox')
    expect({ strangers, complaints }).toEqual({ strangers: [], complaints: [] })
  })
})
