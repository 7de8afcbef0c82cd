-- Raises a GD error: a constant message for each code, the values in DETAIL, the remedy in HINT.
--
-- Errors: the one it is told to raise. docs/errors.md lists them.
create function gendurable._refuse(p_code text, p_detail text, p_hint text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception using
        errcode = p_code,
        message = case p_code
            when 'GD001' then 'gendurable: a required argument is missing'
            when 'GD002' then 'gendurable: invalid argument'
            when 'GD003' then 'gendurable: a bad entry in the batch'
            when 'GD004' then 'gendurable: wrong transaction isolation'
            when 'GD005' then 'gendurable: every role may call this'
            when 'GD010' then 'gendurable: unknown worker'
            when 'GD030' then 'gendurable: a partition is on its way to another database'
        end,
        detail = p_detail,
        hint = p_hint;
end
$$;
comment on function gendurable._refuse(text, text, text)
    is 'Raises the GD error of the given code.';
