/** Which providers there are, as the settings say. A new one is a file in this folder and a line here. */
import { createECDH } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Clock } from '../../../platform/ids'
import type { Keyring } from '../../../platform/security/keyring'
import { createAfricasTalking } from './africas-talking'
import type { Channel, Medium } from './channel'
import { createFcm } from './fcm'
import { parseServiceAccount, type ServiceAccount } from './fcm-account'
import { parseGatewayDescription } from './gateway-description'
import { createHttpGateway } from './http-gateway'
import { createPush } from './push'
import { createSmtp } from './smtp'
import { createTwilio } from './twilio'
import { createWebPush } from './web-push'
import { createWebhook } from './webhook'
import { createWhatsApp } from './whatsapp'

export interface ChannelSettings {
  smtpUrl?: readonly string[] | undefined
  mailFrom: string
  smsUrl?: string | undefined
  smsGateway?: string | undefined
  twilioAccount?: string | undefined
  twilioToken?: string | undefined
  twilioFrom?: string | undefined
  twilioApi: string
  africasTalkingUsername?: string | undefined
  africasTalkingKey?: string | undefined
  africasTalkingFrom?: string | undefined
  africasTalkingApi: string
  whatsappPhoneId?: string | undefined
  whatsappToken?: string | undefined
  whatsappAppSecret?: string | undefined
  whatsappVerifyToken?: string | undefined
  whatsappApi: string
  fcmAccount?: string | undefined
  fcmApi: string
  privateWebhooks: boolean
}

export interface Surroundings {
  clock: Clock
  keyring: Keyring
  /** The public address of this instance; without one nobody outside can bring receipts. */
  publicUrl: string | undefined
}

/** A setting names a file that cannot be used; the message says which and why. */
export class ChannelSettingError extends Error {
  override name = 'ChannelSettingError'
}

/** What each medium takes to be on, for whoever asks why it is off. */
export const TAKES: Readonly<Record<Exclude<Medium, 'in_app'>, string>> = {
  email: 'KUMBU_SMTP_URL is not set: nobody gets a mail',
  sms: 'no provider is set (KUMBU_TWILIO_ACCOUNT, KUMBU_AFRICAS_TALKING_USERNAME, KUMBU_SMS_URL): nobody gets an SMS',
  whatsapp: 'KUMBU_WHATSAPP_PHONE_ID is not set',
  push: 'KUMBU_PUBLIC_URL is not https: browsers cannot be pushed to; KUMBU_FCM_ACCOUNT is not set: apps neither',
  webhook: 'off',
}

export function createChannels(settings: ChannelSettings, around: Surroundings): Channel[] {
  return [
    ...mail(settings, around),
    ...sms(settings, around),
    ...whatsapp(settings, around),
    ...push(settings, around),
    createWebhook({ allowPrivate: settings.privateWebhooks, clock: around.clock }),
  ]
}

function mail({ smtpUrl = [], mailFrom }: ChannelSettings, { clock }: Surroundings): Channel[] {
  return smtpUrl.map((url, i) =>
    createSmtp({ provider: i === 0 ? 'smtp' : `smtp-${i + 1}`, url, from: mailFrom, clock }),
  )
}

function sms(settings: ChannelSettings, { clock, keyring, publicUrl }: Surroundings): Channel[] {
  const { twilioAccount, twilioToken, twilioFrom, twilioApi } = settings
  const { africasTalkingUsername, africasTalkingKey, africasTalkingFrom, africasTalkingApi } = settings
  const channels: Channel[] = []
  if (twilioAccount !== undefined && twilioToken !== undefined && twilioFrom !== undefined) {
    channels.push(
      createTwilio({
        accountSid: twilioAccount,
        authToken: twilioToken,
        ...(twilioFrom.startsWith('MG') ? { messagingServiceSid: twilioFrom } : { from: twilioFrom }),
        apiBase: twilioApi,
        statusCallback: () => (publicUrl === undefined ? undefined : `${publicUrl}/receipts/twilio`),
        clock,
      }),
    )
  }
  if (africasTalkingUsername !== undefined && africasTalkingKey !== undefined) {
    channels.push(
      createAfricasTalking({
        username: africasTalkingUsername,
        apiKey: africasTalkingKey,
        ...(africasTalkingFrom === undefined ? {} : { from: africasTalkingFrom }),
        apiBase: africasTalkingApi,
        receiptsToken: keyring.hash('receipts', 'africas-talking'),
        clock,
      }),
    )
  }
  if (settings.smsGateway !== undefined) {
    const description = fromFile('KUMBU_SMS_GATEWAY', settings.smsGateway, parseGatewayDescription)
    channels.push(createHttpGateway({ ...description, clock }))
  }
  if (settings.smsUrl !== undefined)
    channels.push(createHttpGateway({ provider: 'sms-gateway', url: settings.smsUrl, clock }))
  return channels
}

function whatsapp(settings: ChannelSettings, { clock }: Surroundings): Channel[] {
  const { whatsappPhoneId, whatsappToken, whatsappAppSecret, whatsappVerifyToken, whatsappApi } = settings
  if (!whatsappPhoneId || !whatsappToken || !whatsappAppSecret || !whatsappVerifyToken) return []
  return [
    createWhatsApp({
      phoneNumberId: whatsappPhoneId,
      accessToken: whatsappToken,
      appSecret: whatsappAppSecret,
      verifyToken: whatsappVerifyToken,
      apiBase: whatsappApi,
      clock,
    }),
  ]
}

function push({ fcmAccount, fcmApi }: ChannelSettings, { clock, keyring, publicUrl }: Surroundings): Channel[] {
  // Browsers take pushes for pages that came by HTTPS only.
  const web = publicUrl?.startsWith('https:')
    ? createWebPush({ vapid: vapidKeys(keyring), subject: publicUrl, clock })
    : undefined
  const fcm =
    fcmAccount === undefined
      ? undefined
      : createFcm({
          serviceAccount: fromFile('KUMBU_FCM_ACCOUNT', fcmAccount, serviceAccountIn),
          apiBase: fcmApi,
          clock,
        })
  return web === undefined && fcm === undefined ? [] : [createPush({ web, fcm, clock })]
}

function serviceAccountIn(json: string): ServiceAccount {
  const account = parseServiceAccount(json)
  if (!account.ok) throw new Error(account.detail)
  return account.value
}

/** The instance's pair of keys for VAPID (RFC 8292, on P-256), always the same for one instance key. */
export function vapidKeys(keyring: Keyring): { publicKey: string; privateKey: string } {
  const pair = createECDH('prime256v1')
  const secret = keyring.derive('vapid')
  pair.setPrivateKey(secret)
  return {
    publicKey: pair.getPublicKey('base64url', 'uncompressed'),
    privateKey: Buffer.from(secret).toString('base64url'),
  }
}

function fromFile<Value>(setting: string, path: string, parse: (text: string) => Value): Value {
  try {
    return parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new ChannelSettingError(`${setting}: the file "${path}" cannot be used: ${(error as Error).message}`)
  }
}
