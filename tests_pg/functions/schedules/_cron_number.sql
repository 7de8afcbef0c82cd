-- _cron_number: digits or a name.
begin;
select plan(4);

select is(gendurable._cron_number('07', null, 0), 7, 'digits are a number');
select is(gendurable._cron_number('FEB', '{JAN,FEB}', 1), 2,
    'so is a name, counted from the first number of the field');
select is(gendurable._cron_number('SUN', '{SUN,MON}', 0), 0, '… which may be 0');
select is(coalesce(gendurable._cron_number('JANU', '{JAN,FEB}', 1), gendurable._cron_number('1.5', null, 0),
    gendurable._cron_number('1234567890', null, 0)), null, 'nothing else is');

select * from finish();
rollback;
