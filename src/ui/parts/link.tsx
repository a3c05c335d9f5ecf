/** A link within the page: it has a real address, so that it can be copied and opened elsewhere, and does not load the page anew. */
import type { ComponentChildren, TargetedMouseEvent, VNode } from 'preact';
import { usePage } from '../page.ts';

export interface LinkProps {
  readonly href: string;
  readonly children: ComponentChildren;
  readonly class?: string;
  readonly title?: string;
  readonly current?: boolean;
  readonly label?: string;
  readonly id?: string;
}

export function Link({ href, children, current, label, ...rest }: LinkProps): VNode {
  const { place } = usePage();
  const open = (event: TargetedMouseEvent<HTMLAnchorElement>): void => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    place.go(href);
  };
  return (
    <a
      href={href}
      onClick={open}
      {...(current === true && { 'aria-current': 'page' })}
      {...(label !== undefined && { 'aria-label': label })}
      {...rest}
    >
      {children}
    </a>
  );
}
