/** Shown until there is a token of the user. */
export const exampleSecret = 'keep this to yourself'
export const exampleToken =
  'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.' +
  'eyJzdWIiOiJ1LTEwNDIiLCJuYW1lIjoiWm_DqyBFeGFtcGxlIiwicm9sZXMiOlsicmVhZGVyIl0sImlhdCI6MTc2NzIyNTYwMCwiZXhwIjox' +
  'NzY3MjI2MjAwfQ.' +
  'rPwQEbGlyrTGzDPa708-MG1KJW61pulmEjxWrjQMi-Y'
