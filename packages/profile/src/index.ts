export { formatMarkdown, formatTable, type FormatOptions } from './format.js';
export { profile, type LayerProfile, type Profile, type ProfileOptions } from './profile.js';
export { receptiveFields, type ReceptiveField } from './receptive-field.js';
