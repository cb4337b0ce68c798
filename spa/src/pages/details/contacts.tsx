import MuiLink from '@mui/material/Link';
import type { ReactElement } from 'react';

import { Latin } from '../../format/shown';

/** A phone number that a phone calls. */
export const PhoneLink = ({ of }: { of: string }): ReactElement => (
  <MuiLink href={`tel:${of.replace(/[^+\d]/g, '')}`}>
    <Latin>{of}</Latin>
  </MuiLink>
);

/** An address that opens a mail. */
export const EmailLink = ({ of }: { of: string }): ReactElement => (
  <MuiLink href={`mailto:${encodeURIComponent(of).replace('%40', '@')}`}>
    <Latin>{of}</Latin>
  </MuiLink>
);
