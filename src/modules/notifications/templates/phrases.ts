/** What is said around the words of every message. */
import type { Language } from './template'

interface Phrases {
  greeting: string
  greetingTo: (name: string) => string
  /** On the button that an address becomes. */
  open: string
  /** Above the same address in small print. */
  orCopy: string
  unsubscribe: string
  /** What a list of mails shows of one that holds a secret. */
  secretPreview: string
}

export const phrases: Record<Language, Phrases> = {
  en: {
    greeting: 'Hello,',
    greetingTo: (name) => `Hello ${name},`,
    open: 'Continue',
    orCopy: 'If the button does not work, open this address:',
    unsubscribe: 'Receive no more messages of this kind',
    secretPreview: 'Open this message to read it.',
  },
  pt: {
    greeting: 'Olá,',
    greetingTo: (name) => `Olá, ${name},`,
    open: 'Continuar',
    orCopy: 'Se o botão não funcionar, abra este endereço:',
    unsubscribe: 'Não receber mais mensagens deste tipo',
    secretPreview: 'Abra esta mensagem para a ler.',
  },
  fr: {
    greeting: 'Bonjour,',
    greetingTo: (name) => `Bonjour ${name},`,
    open: 'Continuer',
    orCopy: 'Si le bouton ne fonctionne pas, ouvrez cette adresse :',
    unsubscribe: 'Ne plus recevoir de messages de ce type',
    secretPreview: 'Ouvrez ce message pour le lire.',
  },
}
