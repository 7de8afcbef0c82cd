-- How long the archive's windows are.
begin;
select plan(7);

select is(gendurable._window_length(), '6 hours'::interval,
    'six hours, for the day that is kept unless said otherwise');
select gd_set_retention('0') \g /dev/null
select is(gendurable._window_length(), '6 hours'::interval, 'no shorter');
select gd_set_retention('4 days') \g /dev/null
select is(gendurable._window_length(), '6 hours'::interval, 'sixteen of them for four days');
select gd_set_retention('5 days', '1 year') \g /dev/null
select is(gendurable._window_length(), '12 hours'::interval, 'doubled beyond that; failed ones do not matter');
select gd_set_retention('1 year') \g /dev/null
select cmp_ok(interval '1 year' / extract(epoch from gendurable._window_length()) * 86400, '<=', interval '16 days',
    'a year in no more than sixteen');
select gd_set_retention('1000 years') \g /dev/null
select gendurable._window_length() as longest \gset
select cmp_ok(:'longest'::interval, '<', interval '2 years', 'a window for ages is not that long');
select gd_set_retention(null) \g /dev/null
select is(gendurable._window_length(), :'longest'::interval, 'for ever is as twenty years');

select * from finish();
rollback;
