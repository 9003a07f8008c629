/** The day that templates write for today's where none is given: that of Llama's own template. */
export const USUAL_DATE = '2024-07-26';
