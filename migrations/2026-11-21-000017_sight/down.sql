drop function potts_is_live(text);
drop function potts_held(text, text[]);
