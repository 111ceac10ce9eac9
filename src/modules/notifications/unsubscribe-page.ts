/** The pages of the link at a mail’s foot, in the language of whoever follows it. */
import { escapeHtml, htmlPage } from '../../platform/html'
import type { Mutable } from './service/preferences'
import type { Language } from './templates/template'

interface Saying {
  about: Record<Mutable, string>
  ask: (about: string) => string
  end: string
  done: (about: string) => string
  /** What is not ended by it. */
  goesOn: string
  undo: string
  invalid: string
  why: string
}

const sayings: Record<Language, Saying> = {
  en: {
    about: { money: 'payments', appointments: 'appointments', news: 'news' },
    ask: (about) => `No more mails about ${about}?`,
    end: 'No more mails',
    done: (about) => `You get no more mails about ${about}.`,
    goesOn: 'Your inbox goes on showing them, and mails about the security of your account go on coming.',
    undo: 'You can change this among your preferences at any time.',
    invalid: 'This link is not one of ours',
    why: 'Or it was cut off: open it from the mail itself once more. Nothing was changed.',
  },
  pt: {
    about: { money: 'pagamentos', appointments: 'marcações', news: 'novidades' },
    ask: (about) => `Não receber mais e-mails sobre ${about}?`,
    end: 'Não receber mais',
    done: (about) => `Já não recebe e-mails sobre ${about}.`,
    goesOn: 'Continuam na sua caixa de entrada, e os e-mails sobre a segurança da sua conta continuam a chegar.',
    undo: 'Pode mudar isto nas suas preferências a qualquer momento.',
    invalid: 'Esta ligação não é nossa',
    why: 'Ou foi cortada: abra-a outra vez a partir do próprio e-mail. Nada foi alterado.',
  },
  fr: {
    about: { money: 'les paiements', appointments: 'les rendez-vous', news: 'les nouveautés' },
    ask: (about) => `Ne plus recevoir d'e-mails sur ${about} ?`,
    end: 'Ne plus en recevoir',
    done: (about) => `Vous ne recevez plus d'e-mails sur ${about}.`,
    goesOn:
      'Votre boîte de réception les montre toujours, et les e-mails sur la sécurité de votre compte arrivent toujours.',
    undo: 'Vous pouvez changer cela à tout moment dans vos préférences.',
    invalid: "Ce lien n'est pas de nous",
    why: "Ou il a été coupé : ouvrez-le de nouveau depuis l'e-mail. Rien n'a été changé.",
  },
}

export interface Unsubscribed {
  category: Mutable
  language: Language
}

export function confirmPage({ category, language }: Unsubscribed, action: string): Response {
  const { about, ask, goesOn, end } = sayings[language]
  const question = ask(about[category])
  const form = `<form method="post" action="${escapeHtml(action)}"><button>${escapeHtml(end)}</button></form>`
  return page(question, [goesOn], { language, form })
}

export function donePage({ category, language }: Unsubscribed): Response {
  const { about, done, goesOn, undo } = sayings[language]
  return page(done(about[category]), [goesOn, undo], { language })
}

export function invalidPage(language: Language): Response {
  const { invalid, why } = sayings[language]
  return page(invalid, [why], { language, status: 400 })
}

function page(
  title: string,
  said: readonly string[],
  { form = '', ...options }: { form?: string; language: Language; status?: number },
): Response {
  const paragraphs = said.map((each) => `<p>${escapeHtml(each)}</p>`).join('')
  return htmlPage(title, `<h1>${escapeHtml(title)}</h1>${paragraphs}${form}`, undefined, {
    formsToSelf: form !== '',
    ...options,
  })
}
