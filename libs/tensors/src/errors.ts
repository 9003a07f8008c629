/** A tensor file that is damaged, hostile or of a form not read here. The message names the file and the tensor. */
export class TensorFormatError extends Error {
  override readonly name = 'TensorFormatError';
}
