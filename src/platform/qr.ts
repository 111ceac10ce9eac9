/** QR codes as SVG for screens and PNG for messengers and printers. */
import QRCode from 'qrcode'

export interface Qr {
  /** What the code holds. */
  data: string
  svg: string
  /** A `data:` address of a PNG image. */
  png: string
}

const LOOK = { errorCorrectionLevel: 'M', margin: 4 } as const

export async function renderQr(data: string): Promise<Qr> {
  const [svg, png] = await Promise.all([
    QRCode.toString(data, { ...LOOK, type: 'svg' }),
    QRCode.toDataURL(data, { ...LOOK, type: 'image/png', scale: 8 }),
  ])
  return { data, svg, png }
}
