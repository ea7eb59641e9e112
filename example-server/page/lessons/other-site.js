// What an attacker's page does as soon as somebody visits it.
document.querySelector('form')?.submit()
