import Tooltip from '@mui/material/Tooltip';
import type { ReactElement } from 'react';

import { useLocale } from '../words/locale';
import { type Amount, count, money, quantity, roundMoney } from './numbers';
import { ago, dayOf, moment } from './times';

/** An amount with all its decimals. Isolated: its digits and its currency keep their order in any sentence. */
export const Money = ({ of }: { of: Amount }): ReactElement => <bdi className="figure">{money(useLocale(), of)}</bdi>;

/** An amount without decimals; the exact one on demand. */
export const RoundMoney = ({ of }: { of: Amount }): ReactElement => {
  const locale = useLocale();
  return (
    <Tooltip title={<bdi>{money(locale, of)}</bdi>}>
      <bdi className="figure">{roundMoney(locale, of)}</bdi>
    </Tooltip>
  );
};

export const Count = ({ of }: { of: number }): ReactElement => <bdi className="figure">{count(useLocale(), of)}</bdi>;

/** A quantity, of decimal digits as a text. */
export const Quantity = ({ of }: { of: string }): ReactElement => <bdi className="figure">{quantity(useLocale(), of)}</bdi>;

/** A moment, in Riyadh's time. */
export const Moment = ({ at }: { at: string }): ReactElement => (
  <time dateTime={at}>
    <bdi>{moment(useLocale(), at)}</bdi>
  </time>
);

/** How long ago; the moment itself on demand. */
export const Ago = ({ at }: { at: string }): ReactElement => {
  const locale = useLocale();
  return (
    <Tooltip title={moment(locale, at)}>
      <time dateTime={at}>
        <bdi>{ago(locale, at)}</bdi>
      </time>
    </Tooltip>
  );
};

/** A calendar day. */
export const Day = ({ of }: { of: string }): ReactElement => (
  <time dateTime={of}>
    <bdi>{dayOf(useLocale(), of)}</bdi>
  </time>
);

/** What is written from left to right in any language: addresses, phones, numbers of orders, SKUs. */
export const Latin = ({ children }: { children: string | number }): ReactElement => <bdi dir="ltr">{children}</bdi>;

/** A name or a title as a merchant wrote it, in whichever direction that is. */
export const Name = ({ children }: { children: string }): ReactElement => <bdi>{children}</bdi>;
