/** A name in a text. */
export const hasWord = (text: string, name: string): boolean =>
  text.includes(name) && new RegExp(`\\b${name.replace(/\W/g, '')}\\b`).test(text);
