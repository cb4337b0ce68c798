import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the local stack leaves mails as files. */
const FOLDER = process.env.QAFILA_MAILBOX ?? join(import.meta.dirname, '../../.local/mail/new');
const PATIENCE = 30_000;

/** The text of a mail to somebody that holds `wanted`, once it has come. */
export const mailTo = async (email: string, wanted: RegExp): Promise<string> => {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    for (const file of (await readdir(FOLDER)).toSorted().toReversed()) {
      const mail = await readFile(join(FOLDER, file), 'utf8');
      const text = mail.includes(`To: ${email}`) ? plainText(mail) : '';
      if (wanted.test(text)) return text;
    }
    if (Date.now() > deadline) throw new Error(`no mail to ${email} holds ${wanted}`);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
};

/** The first part of a mail, which is its plain text. */
const plainText = (mail: string): string => {
  const [, part = ''] = mail.split(/Content-Type: text\/plain[^\n]*\n/);
  const [head = '', ...body] = part.split(/\r?\n\r?\n/);
  const content = body.join('\n\n').split(/\n--/)[0] ?? '';
  if (/base64/i.test(head)) return Buffer.from(content, 'base64').toString('utf8');
  if (!/quoted-printable/i.test(head)) return content;
  const bytes = content.replace(/=\r?\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
};
