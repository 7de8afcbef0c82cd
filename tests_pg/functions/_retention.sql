-- The setting gendurable.retention.
begin;
select plan(7);

select is(gendurable._retention(), '1 day'::interval, 'one day, where nothing is set');
set local gendurable.retention = '90 minutes';
select is(gendurable._retention(), '90 minutes'::interval, 'the setting, where there is one');
set local gendurable.retention = '';
select is(gendurable._retention(), '1 day'::interval, 'one day, where it was reset');
set local gendurable.retention = '0';
select is(gendurable._retention(), '0'::interval, 'zero is allowed');
set local gendurable.retention = '-1 s';
select throws_ok('select gendurable._retention()', 'GD002', 'gendurable: invalid argument', 'a negative one is refused');
set local gendurable.retention = 'long';
select throws_ok('select gendurable._retention()', 'GD002', null, 'what is no interval is refused');
set local gendurable.retention = '7000 years';
select throws_ok('select gendurable._retention()', 'GD002', null, 'one from before the calendar is refused');

select * from finish();
rollback;
